using System.Text.Json;
using Cmi.Sockets;

namespace Cmi.Benchmarks.Compare;

/// <summary>How the clients of a measurement behave.</summary>
/// <param name="Port">Where the proxy listens.</param>
/// <param name="Clients">Connections at once.</param>
/// <param name="Path">What they ask for; <c>id=N</c> is added to its query.</param>
/// <param name="Batch">Requests that a client stacks before it waits for the replies.</param>
/// <param name="NewConnections">A connection for each request, as the client says in it.</param>
/// <param name="WarmSeconds">Before anything is counted.</param>
/// <param name="Seconds">For which it is counted; 0: until each client has had <paramref name="Replies"/>.</param>
/// <param name="Replies">For each client.</param>
internal sealed record LoadPlan(int Port, int Clients, string Path, int Batch = 1, bool NewConnections = false, double WarmSeconds = 1, double Seconds = 4, int Replies = 1);

/// <summary>
/// The clients, on one loop in a process of their own. Prints <c>START</c> when counting begins, <c>END</c> when it ends, then what was counted as JSON.
/// Every reply is checked: status, length, and that it is the one that was asked for.
/// </summary>
internal sealed class Load(LoadPlan plan, IConnectionManager manager)
{
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<double> _microseconds = new(1 << 20);
    private int _clientsLeft = plan.Clients;
    private bool _counting;

    public long Replies { get; private set; }
    public long Bytes { get; private set; }
    public long Errors { get; private set; }
    public long Reconnects { get; private set; }
    public string? FirstError { get; private set; }
    public bool IsOver { get; private set; }
    public LoadPlan Plan => plan;

    public static async Task<int> RunAsync(LoadPlan plan)
    {
        await using var manager = new SocketConnectionManager(new() { LoopCount = 1 });
        var load = new Load(plan, manager);
        var loop = manager.Loops[0];
        if (plan.Seconds > 0)
        {
            loop.Post(_ => load.Open(), null);
            loop.Post(_ => loop.SetTimer(new(_ => load.Count(true), null), loop.Now + (long)(plan.WarmSeconds * 1000)), null);
            loop.Post(_ => loop.SetTimer(new(_ => load.Finish(), null), loop.Now + (long)((plan.WarmSeconds + plan.Seconds) * 1000)), null);
        }
        else
        {
            load.Count(true);
            loop.Post(_ => load.Open(), null);
        }
        var began = loop.Time.GetTimestamp();
        await load._over.Task;
        Console.WriteLine(load.Tell(plan.Seconds > 0 ? plan.Seconds : loop.Time.GetElapsedTime(began).TotalSeconds));
        return 0;
    }

    /// <summary>Connects a client; it begins when it is connected.</summary>
    public async void Connect(LoadClient client)
    {
        try
        {
            var connection = await manager.ConnectAsync(new(AddressKind.Tcp, "127.0.0.1", plan.Port), manager.Loops[0], default);
            if (IsOver) connection.Close();
            else client.Begin(connection);
        }
        catch (IOException e)
        {
            Failed(e.Message);
            LeftForGood();
        }
    }

    public void Replied(long bytes, double? microseconds)
    {
        if (!_counting) return;
        Replies++;
        Bytes += bytes;
        if (microseconds is { } time) _microseconds.Add(time);
    }

    public void Failed(string why)
    {
        if (IsOver) return;
        Errors++;
        FirstError ??= why;
    }

    public void Reconnected()
    {
        if (_counting) Reconnects++;
    }

    /// <summary>A client has had all it wanted, or has given up.</summary>
    public void LeftForGood()
    {
        if (--_clientsLeft == 0) Finish();
    }

    private void Open()
    {
        for (var i = 0; i < plan.Clients; i++) Connect(new(this));
    }

    private void Count(bool on)
    {
        _counting = on;
        Console.WriteLine(on ? "START" : "END");
    }

    private void Finish()
    {
        if (IsOver) return;
        Count(false);
        IsOver = true;
        _over.SetResult();
    }

    private string Tell(double seconds)
    {
        _microseconds.Sort();
        double Percentile(double share) => _microseconds.Count == 0 ? 0 : _microseconds[(int)(share * (_microseconds.Count - 1))];
        return JsonSerializer.Serialize(new Dictionary<string, object?>
        {
            ["seconds"] = seconds,
            ["requests"] = Replies,
            ["bytes"] = Bytes,
            ["errors"] = Errors,
            ["reconnects"] = Reconnects,
            ["p50"] = Percentile(0.5),
            ["p99"] = Percentile(0.99),
            ["error"] = FirstError,
        });
    }
}
