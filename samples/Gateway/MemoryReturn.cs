using Microsoft.Extensions.Hosting;

namespace Cmi.Samples.Gateway;

/// <summary>
/// Gives memory back to the system when a flood of clients has gone. The engine makes no garbage while it forwards, so the collector, which runs when memory is
/// asked for, might not run again for days, and keep all that the flood had taken. The library leaves this to its host: a collector is of the whole process.
/// <para>
/// What is pooled must go first: the collector moves no pinned memory, so a few segments that a pool keeps, here and there, would hold whole regions.
/// </para>
/// <para>Threading: the thread pool. Cost: one collection of some ten milliseconds each time that the clients have become half as many.</para>
/// </summary>
internal sealed class MemoryReturn(CmiEngine engine) : BackgroundService
{
    private const int ManyClients = 1000, FewClients = 100;         // fewer hold too little memory to be worth a pause: a flood that begins, the rest of one
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period);
        var (most, before, isFlood) = (0, 0, false);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            var clients = engine.GetStatistics().Clients;
            most = Math.Max(most, clients);
            isFlood |= clients >= ManyClients;
            var isStillGoing = clients < before - before / 4;       // those that go next would leave theirs behind
            before = clients;
            if (!isFlood || clients > most / 2 || isStillGoing) continue;
            await engine.TrimAsync();
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            (most, isFlood) = (clients, clients > FewClients);      // those who are left when some stay behind go later, and hold as much each
        }
    }
}
