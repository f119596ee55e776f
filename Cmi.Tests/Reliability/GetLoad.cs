using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Cmi.Tests.EndToEnd;

namespace Cmi.Tests.Reliability;

/// <summary>
/// Clients that ask for contents of many sizes, each with a length or in chunks, alone or stacked, and compare every byte. Each keeps its connection, or
/// leaves now and then, at times in the middle of a reply.
/// </summary>
internal sealed class GetLoad(Uri gateway, bool comesAndGoes = false)
{
    private const int MostFailures = 20;
    private static readonly int[] Sizes = [0, 1, 100, 1000, 1000, 1000, 5000, 16_000, 70_000, 70_000, 200_000];
    private static readonly string[] Framings = ["bytes/{0}", "chunked/{0}/20000", "chunked/{0}/50000", "pieces/{0}/50000"];
    private static readonly int[] Stacks = [1, 1, 1, 4, 16];

    private static readonly ConcurrentDictionary<int, string> Contents = new();

    private readonly ConcurrentQueue<string> _failures = new();
    private long _answered, _connections;
    private int _number;

    /// <summary>Replies that were right.</summary>
    internal long Answered => Volatile.Read(ref _answered);

    internal long Connections => Volatile.Read(ref _connections);

    /// <summary>What a client should not have seen.</summary>
    internal IReadOnlyCollection<string> Failures => _failures;

    /// <summary>Runs clients until they are told to stop; each finishes what it has asked.</summary>
    internal Task RunAsync(int clients, CancellationToken stop) =>
        Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(() => RunClientAsync(new Random(client), stop), CancellationToken.None)));

    /// <summary>Waits until so many replies were right, or something was not.</summary>
    internal async Task ReachesAsync(int replies)
    {
        using var period = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (Answered < replies && _failures.IsEmpty) await period.WaitForNextTickAsync();
    }

    private async Task RunClientAsync(Random random, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested && _failures.Count < MostFailures)
        {
            try
            {
                using var client = await RawClient.ConnectAsync(gateway);
                Interlocked.Increment(ref _connections);
                var stays = comesAndGoes ? random.Next(1, 30) : int.MaxValue;
                for (; stays > 0 && !stop.IsCancellationRequested; stays--) await AskAsync(client, random, Stacks[random.Next(Stacks.Length)]);
                if (comesAndGoes && random.Next(2) == 0) await client.SendAsync(Request(Target(random)));       // and does not stay for the reply
            }
            catch (Exception e) when (e is IOException or SocketException or InvalidDataException or OperationCanceledException)
            {
                _failures.Enqueue($"{DateTime.UtcNow:HH:mm:ss.fff} {e.GetType().Name}: {e.Message}");
            }
        }
    }

    private async Task AskAsync(RawClient client, Random random, int stacked)
    {
        var targets = Enumerable.Range(0, stacked).Select(_ => Target(random)).ToList();
        await client.SendAsync(string.Concat(targets.Select(Request)));
        foreach (var target in targets)
        {
            var reply = await client.ReadWholeReplyAsync();
            var expected = Contents.GetOrAdd(int.Parse(target.Split('/', '?')[2], CultureInfo.InvariantCulture), static length => Encoding.Latin1.GetString(NodeServer.Bytes(length)));
            if (reply.Status == 200 && reply.Fields.GetValueOrDefault("X-Target") == target && reply.Content == expected) Interlocked.Increment(ref _answered);
            else _failures.Enqueue(string.Create(CultureInfo.InvariantCulture,
                $"{DateTime.UtcNow:HH:mm:ss.fff} {target}: {reply.Status}, {reply.Content.Length} bytes of {reply.Fields.GetValueOrDefault("X-Target")}"));
        }
    }

    // The number tells replies apart that have the same content.
    private string Target(Random random) =>
        "/" + string.Format(CultureInfo.InvariantCulture, Framings[random.Next(Framings.Length)], Sizes[random.Next(Sizes.Length)]) +
        string.Create(CultureInfo.InvariantCulture, $"?{Interlocked.Increment(ref _number)}");

    private static string Request(string target) => $"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n";
}
