using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Cmi.Tests.EndToEnd;

namespace Cmi.Tests.Reliability;

/// <summary>The same GET again and again, by clients who wait for each other or at a rate that nothing slows; connections are kept for the next who asks.</summary>
internal sealed class PacedLoad(Uri gateway, string target, byte[] content) : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(5);

    private readonly string _request = $"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n", _content = Encoding.Latin1.GetString(content);
    private readonly ConcurrentBag<RawClient> _idle = [];

    /// <summary>So many clients, each with one request at a time.</summary>
    internal async Task<Outcome> ClosedAsync(int clients, TimeSpan time)
    {
        var outcome = new Outcome();
        await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(async () =>
        {
            while (outcome.Clock.Elapsed < time) await AskAsync(outcome);
        })));
        return outcome.Ended();
    }

    /// <summary>So many requests a second, whether or not those before are answered.</summary>
    internal async Task<Outcome> OpenAsync(int perSecond, TimeSpan time)
    {
        var outcome = new Outcome();
        var asked = new List<Task>();
        using var period = new PeriodicTimer(Period);
        while (outcome.Clock.Elapsed < time)
        {
            await period.WaitForNextTickAsync();
            for (var due = (int)(outcome.Clock.Elapsed.TotalSeconds * perSecond); asked.Count < due;) asked.Add(Task.Run(() => AskAsync(outcome)));
        }
        await Task.WhenAll(asked);
        return outcome.Ended();
    }

    public void Dispose()
    {
        foreach (var client in _idle) client.Dispose();
    }

    private async Task AskAsync(Outcome outcome)
    {
        RawClient? client = null;
        try
        {
            var start = Stopwatch.GetTimestamp();
            client = _idle.TryTake(out var kept) ? kept : await RawClient.ConnectAsync(gateway);
            await client.SendAsync(_request);
            outcome.Add(await client.ReadWholeReplyAsync(), _content, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            _idle.Add(client);
        }
        catch (Exception e) when (e is IOException or SocketException or InvalidDataException or OperationCanceledException)
        {
            client?.Dispose();
            outcome.Fail($"{e.GetType().Name}: {e.Message}");
        }
    }

    /// <summary>What became of requests.</summary>
    internal sealed class Outcome
    {
        private readonly ConcurrentQueue<double> _accepted = new(), _refused = new();
        private readonly ConcurrentQueue<string> _failures = new();
        private readonly ConcurrentQueue<int> _retryAfter = new();

        internal Stopwatch Clock { get; } = Stopwatch.StartNew();

        internal TimeSpan Elapsed { get; private set; }

        /// <summary>How long those took that were answered by a server, in ms.</summary>
        internal IReadOnlyCollection<double> Accepted => _accepted;

        /// <summary>How long those took that got a 503, in ms.</summary>
        internal IReadOnlyCollection<double> Refused => _refused;

        internal IReadOnlyCollection<string> Failures => _failures;

        /// <summary>In seconds; -1: a refusal had none.</summary>
        internal int ShortestRetryAfter => _retryAfter.DefaultIfEmpty(-1).Min();

        internal int Total => Accepted.Count + Refused.Count;

        internal void Add(RawReply reply, string content, double milliseconds)
        {
            if (reply.Status == 503)
            {
                _refused.Enqueue(milliseconds);
                _retryAfter.Enqueue(reply.Fields.TryGetValue("Retry-After", out var after) ? int.Parse(after, CultureInfo.InvariantCulture) : -1);
            }
            else if (reply.Status == 200 && reply.Content == content)
            {
                _accepted.Enqueue(milliseconds);
            }
            else
            {
                Fail($"{reply.Status} with {reply.Content.Length} bytes");
            }
        }

        internal void Fail(string failure) => _failures.Enqueue(failure);

        internal Outcome Ended()
        {
            Elapsed = Clock.Elapsed;
            return this;
        }
    }
}
