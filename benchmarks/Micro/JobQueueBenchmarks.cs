using System.Diagnostics.CodeAnalysis;
using BenchmarkDotNet.Attributes;
using Cmi.Queues;
using Cmi.Servers;

namespace Cmi.Benchmarks.Micro;

/// <summary>A grant taken and given back, alone and while another thread does the same.</summary>
[MemoryDiagnoser]
[SuppressMessage("Reliability", "CA1001", Justification = "The clean-up disposes.")]
public class JobQueueBenchmarks
{
    private JobQueue _queue = null!;
    private JobTicket _ticket;
    private Thread? _other;
    private volatile bool _over;

    /// <summary>Requests in flight at one server; 0: no limit.</summary>
    [Params(0, 100)]
    public int MaxRequests { get; set; }

    [Params(false, true)]
    public bool Contended { get; set; }

    [GlobalSetup]
    public void Start()
    {
        var servers = Enumerable.Range(1, 4).Select(i => new ServerAddress(AddressKind.Tcp, "192.0.2.1", i));
        _queue = new(new ServerGroup("servers", servers, new LeastJobsSelector(), MaxRequests));
        _ticket = new(1, "servers", 0, 0, 0, 0, long.MaxValue, 0, 1, default);
        if (!Contended) return;
        _other = new(() => { while (!_over) AcquireAndComplete(); });
        _other.Start();
    }

    [GlobalCleanup]
    public async Task StopAsync()
    {
        _over = true;
        _other?.Join();
        await _queue.DisposeAsync();
    }

    [Benchmark]
    public void AcquireAndComplete()
    {
        if (!_queue.TryAcquire(_ticket, out var grant)) throw new InvalidOperationException("no grant");
        _queue.Complete(grant, GrantOutcome.Done);
    }
}
