namespace Cmi.Benchmarks.Compare;

/// <summary>What is measured.</summary>
/// <param name="Name">On the command line.</param>
/// <param name="Title">In the report: what the clients do.</param>
/// <param name="Main">The figure that is compared, and plotted.</param>
/// <param name="Columns">The figures of the table: what it is called, what it is, how it is written.</param>
/// <param name="Run">Measures once.</param>
internal sealed record Workload(string Name, string Title, string Main, (string Title, string Figure, string Format)[] Columns, Func<Bench, Task<Dictionary<string, double>>> Run)
{
    private static readonly (string, string, string)[] PerRequest =
        [("CPU µs/request", "cpu", "F1"), ("requests/s", "rate", "N0"), ("p50 µs", "p50", "N0"), ("p99 µs", "p99", "N0"), ("reconnects/1,000", "reconnects", "F1"), ("errors", "errors", "F0")];

    private static readonly (string, string, string)[] PerGiB =
        [("CPU ms/GiB", "cpuPerGiB", "N0"), ("MiB/s", "mebibytes", "N0"), ("memory, peak MiB", "peak", "N0"), ("errors", "errors", "F0")];

    public static IReadOnlyList<Workload> All { get; } =
    [
        new("keep-alive", "64 keep-alive clients, replies of 1 KiB", "cpu", PerRequest, bench => bench.LoadAsync(2, 2, new(0, 64, "/length/1024"))),
        new("keep-alive-1", "The same with one loop on one core, the clients and servers on the other", "cpu", PerRequest, bench => bench.LoadAsync(2, 1, new(0, 64, "/length/1024"), pinned: true)),
        new("close-delimited", "The servers tell no length and close; 64 keep-alive clients", "cpu", PerRequest, bench => bench.LoadAsync(2, 2, new(0, 64, "/close/1024"))),
        new("stacked", "8 clients stack 16 requests each time; the servers take 10 ms for each; 8 servers", "p50",
            [("batch p50 µs", "p50", "N0"), ("batch p99 µs", "p99", "N0"), ("CPU µs/request", "cpu", "F1"), ("errors", "errors", "F0")],
            bench => bench.LoadAsync(8, 2, new(0, 8, "/length/1024?delay=10", Batch: 16))),
        new("new-connections-1", "A connection for each request, 64 at once; one loop on one core", "cpu", PerRequest, bench => bench.LoadAsync(2, 1, new(0, 64, "/length/1024", NewConnections: true), pinned: true)),
        new("large-1", "One reply of 1 GiB", "cpuPerGiB", PerGiB, bench => bench.LargeAsync(1, 1L << 30)),
        new("large-8", "8 replies of 256 MiB at once", "cpuPerGiB", PerGiB, bench => bench.LargeAsync(8, 256L << 20)),
        new("slow", "64 clients read 16 MiB each at 4 MiB/s: how long is a server busy with a reply?", "held",
            [("server busy, ms/reply", "held", "N0"), ("clients done, s", "seconds", "F1"), ("memory, peak MiB", "peak", "N0"), ("CPU ms/reply", "cpuMs", "F1"), ("errors", "errors", "F0")],
            bench => bench.SlowAsync(64, 16L << 20, 4L << 20)),
        new("idle", "Idle keep-alive connections: memory of one, as the slope between 5,000 and 15,000", "perConnection",
            [("bytes/connection", "perConnection", "N0"), ("memory at 15,000, MiB", "memory", "N0")], bench => bench.IdleAsync(5_000, 15_000)),
        new("latency", "One client, one request after the other", "p50", [("p50 µs", "p50", "N0"), ("p99 µs", "p99", "N0"), ("CPU µs/request", "cpu", "F1"), ("errors", "errors", "F0")],
            bench => bench.LoadAsync(2, 2, new(0, 1, "/length/1024"))),
    ];
}
