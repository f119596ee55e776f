using Cmi.Hosting;
using Cmi.Samples.Gateway;
using Cmi.Testing;
using Cmi.Tests.Harness;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using NUnit.Framework;

namespace Cmi.Tests.Hosting;

/// <summary>A file on disk changes, and the engine with it, or not.</summary>
public sealed class SettingsWatcherTests
{
    private const string Good = """{"Cmi":{"Endpoints":["http://127.0.0.1:1"],"Servers":{"Addresses":["http://ten.example:9000"]},"Retry":{"Attempts":ATTEMPTS}}}""";

    private readonly EngineTestLog _log = new();
    private readonly HandTimer _timer = new();
    private readonly InMemoryTransport _transport = new();
    private string _file = "";
    private IConfigurationRoot _configuration = null!;
    private ServiceProvider _provider = null!;
    private CmiEngine _engine = null!;
    private SettingsWatcher _watcher = null!;

    [SetUp]
    public void Start()
    {
        _file = Path.Combine(Directory.CreateTempSubdirectory("cmi-test-").FullName, "settings.json");
        Write(Good, attempts: 2);
        _configuration = new ConfigurationBuilder().Add(new SettingsFileSource(_file) { ReloadOnChange = false }).Build();
        var services = new ServiceCollection();
        services.AddSingleton<ILogger<CmiEngine>>(_log);
        services.AddSingleton<IValidateOptions<CmiOptions>>(_configuration.Providers.OfType<SettingsFile>().Single());
        services.AddCmi(_configuration).UseConnectionManager(_ => _transport).UseBufferStore(_ => new ScriptedStore());
        services.AddCmi(o => o.Limits.MaxFields = 77);
        _provider = services.BuildServiceProvider();
        _engine = _provider.GetRequiredService<CmiEngine>();
        _watcher = new(_engine, _provider.GetServices<CmiConfiguration>(), _provider.GetRequiredService<IOptionsFactory<CmiOptions>>(), _timer);
    }

    [TearDown]
    public async Task Stop()
    {
        _watcher.Dispose();
        var stopped = _engine.StopAsync();
        _transport.Crank.RunUntil(stopped, TimeSpan.FromSeconds(10));
        await stopped;
        await _engine.DisposeAsync();
        await _provider.DisposeAsync();
        Directory.Delete(Path.GetDirectoryName(_file)!, recursive: true);
    }

    [Test]
    public void GoodChange_IsTakenOver_TogetherWithWhatCodeSays()
    {
        Change(Good, attempts: 5);

        Assert.That((Attempts, _timer.Due), Is.EqualTo((2, SettingsWatcher.Quiet)), "not yet: more may come");
        _timer.Fire();

        Assert.That(Attempts, Is.EqualTo(5));
        Assert.That(_engine.Configuration.Settings.RequestHead.MaxFields, Is.EqualTo(77));
        AssertCounts(changes: 1, refused: 0);
    }

    [Test]
    public void ManyChangesAtOnce_AreReadOnce()
    {
        for (var attempts = 3; attempts < 8; attempts++) Change(Good, attempts);

        _timer.Fire();

        Assert.That(Attempts, Is.EqualTo(7));
        AssertCounts(changes: 1, refused: 0);
    }

    [TestCase("{ no json", "cannot be read: ")]
    [TestCase("", "cannot be read: ")]
    [TestCase("""{"Cmi":{"Retry":{"Attempts":9""", "cannot be read: ")]
    [TestCase("""{"Cmi":{"Retry":{"Attempts":9},"Typo":1}}""", "Cmi:Typo is not a setting")]
    [TestCase("""{"Cmi":{"Endpoints":["http://127.0.0.1:1"],"Servers":{"Addresses":["http://a"]},"Retry":{"Attempts":99}}}""", "Cmi:Retry:Attempts is 99; it must be 1 to 10.")]
    [TestCase("""{"Cmi":{"Endpoints":["http://127.0.0.1:1"],"Servers":{"Addresses":["http://a"]},"Retry":{"Attempts":"x"}}}""", "Cmi:Retry:Attempts is 'x'")]
    [TestCase("{}", "Cmi:Servers:Addresses is empty")]
    public void BadOrHalfWrittenFile_IsRefusedWhole_AndTheNextOneIsTaken(string text, string fault)
    {
        Change(text);
        _timer.Fire();

        Assert.That(Attempts, Is.EqualTo(2));
        AssertCounts(changes: 0, refused: 1);
        Assert.That(_log.ToString(), Does.Contain("2031 ").And.Contain(fault));

        Change(Good, attempts: 4);
        _timer.Fire();

        Assert.That(Attempts, Is.EqualTo(4));
        AssertCounts(changes: 1, refused: 1);
    }

    [Test]
    public void SeveralFaults_AreAllLogged()
    {
        Change("""{"Cmi":{"Endpoints":["http://127.0.0.1:1"],"Servers":{"Addresses":["http://a"],"MaxRequests":-1},"Routes":{"a":{"Group":"b"}}}}""");
        _timer.Fire();

        Assert.That(_log.ToString(), Does.Contain("Cmi:Servers:MaxRequests is -1; it must be 0 to 1000000. Cmi:Routes:a:Group is 'b'; it must be one of default."));
    }

    [Test]
    public void AfterTheStop_AChangeIsLeftForTheNextStart()
    {
        var stopped = _engine.StopAsync();
        _transport.Crank.RunUntil(stopped, TimeSpan.FromSeconds(10));
        Change(Good, attempts: 5);
        _timer.Fire();

        AssertCounts(changes: 0, refused: 0);
    }

    [Test]
    public void Disposed_HearsNothingMore()
    {
        _watcher.Dispose();
        Change(Good, attempts: 5);

        Assert.That(_timer.Due, Is.EqualTo(Timeout.InfiniteTimeSpan));
    }

    private int Attempts => _engine.Configuration.Routes[0].Settings.Attempts;

    private void AssertCounts(int changes, int refused)
    {
        var statistics = _engine.GetStatistics();
        Assert.That((statistics.Changes, statistics.RefusedChanges), Is.EqualTo((changes, refused)));
    }

    private void Change(string text, int attempts = 0)
    {
        Write(text, attempts);
        _configuration.Reload();
    }

    private void Write(string text, int attempts) => File.WriteAllText(_file, text.Replace("ATTEMPTS", $"{attempts}", StringComparison.Ordinal));

    /// <summary>Time whose only timer a test fires.</summary>
    private sealed class HandTimer : TimeProvider, ITimer
    {
        private Action? _callback;

        public TimeSpan Due { get; private set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _callback = () => callback(state);
            Change(dueTime, period);
            return this;
        }

        public void Fire()
        {
            Assert.That(Due, Is.Not.EqualTo(Timeout.InfiniteTimeSpan), "the timer is not set");
            Due = Timeout.InfiniteTimeSpan;
            _callback!();
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            Due = dueTime;
            return true;
        }

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => default;
    }
}
