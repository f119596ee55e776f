using System.Reflection;
using Cmi;
using Cmi.Buffers;
using Cmi.Samples.Gateway;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

const int Stopped = 0, CannotListen = 1, CannotWork = 2;

var arguments = GatewayArguments.Parse(args);
if (arguments.Help || arguments.Version)
{
    Console.WriteLine(arguments.Help ? GatewayText.Help : $"Gateway {Version()}");
    return Stopped;
}

var faults = new List<string>(arguments.Faults);
var configuration = GatewayConfiguration.Build(arguments, AppContext.BaseDirectory, faults);
using var signals = new StopSignals();
using var demo = GatewayConfiguration.NamesServers(arguments, configuration) ? null : new DemoServers();
using var buffers = new GatewayBuffers(arguments.Buffers);
using var host = BuildHost();
try
{
    host.Services.GetRequiredService<IStartupValidator>().Validate();
}
catch (OptionsValidationException e)
{
    faults.AddRange(e.Failures);
}
catch (AggregateException e)                                        // options of several packages have faults
{
    faults.AddRange(e.InnerExceptions.SelectMany(one => one is OptionsValidationException options ? options.Failures : [one.Message]));
}
if (faults.Count > 0)
{
    foreach (var fault in faults) Console.Error.WriteLine(fault);
    return CannotWork;
}

try
{
    Console.WriteLine(buffers.Describe(host.Services.GetRequiredService<IBufferStore>()));
}
catch (IOException e)
{
    Console.Error.WriteLine($"Cannot buffer: {e.Message}");
    return CannotWork;
}
var engine = host.Services.GetRequiredService<CmiEngine>();
AdminEndpoints? admin = null;
try
{
    if (arguments.Admin is { } url) admin = await AdminEndpoints.StartAsync(url, engine);        // first: a taken port must not cost clients
    await host.StartAsync();
}
catch (IOException e)
{
    Console.Error.WriteLine($"Cannot listen: {e.Message}");
    return CannotListen;
}
if (admin is not null) Console.WriteLine($"admin on {admin.Url}");
var endpoints = engine.Endpoints;
foreach (var endpoint in endpoints) Console.WriteLine($"listening on {endpoint}");
if (demo is not null) Console.WriteLine(GatewayText.Demo(endpoints[0]));

await signals.First;
await host.StopAsync(signals.Second);
if (admin is not null) await admin.DisposeAsync();
return Stopped;

static string? Version() => typeof(CmiEngine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;

IHost BuildHost()
{
    var builder = Host.CreateEmptyApplicationBuilder(null);
    // First, so that what is wrong with a file is told before what is wrong with what it said when it could last be read.
    foreach (var file in configuration.Providers.OfType<SettingsFile>()) builder.Services.AddSingleton<IValidateOptions<CmiOptions>>(file);
    builder.Services.AddCmi(configuration)
        .UseSockets(o => o.LoopCount = arguments.Loops ?? o.LoopCount);
    buffers.AddTo(builder.Services.AddCmi());
    builder.Services.AddCmi(o => GatewayConfiguration.Apply(arguments, o));
    if (demo is not null) builder.Services.AddCmi(o => GatewayConfiguration.AddDemo(demo.Urls, o));
    builder.Services.AddSingleton<IHostLifetime>(signals);
    builder.Services.AddHostedService<MemoryReturn>();
    builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = Timeout.InfiniteTimeSpan);       // Cmi:Timeouts:Drain bounds it
    AddLogging(builder.Logging);
    return builder.Build();
}

// To standard error only: standard output is for those who wait for "listening on".
void AddLogging(ILoggingBuilder logging)
{
    logging.SetMinimumLevel(LogLevel.Warning).AddFilter("Cmi.CmiEngine", LogLevel.Information);
    logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);                   // this program tells why it did not start
    if (faults.Count == 0) logging.AddConfiguration(configuration.GetSection("Logging"));
    logging.AddSimpleConsole(o => (o.SingleLine, o.TimestampFormat, o.UseUtcTimestamp) = (true, "yyyy-MM-dd'T'HH:mm:ss.fff'Z' ", true));
    logging.Services.Configure<ConsoleLoggerOptions>(o => o.LogToStandardErrorThreshold = LogLevel.Trace);
}
