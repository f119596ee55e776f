using System.Buffers.Text;
using System.Diagnostics;
using Cmi.Loops;
using Cmi.Messages;
using Cmi.Servers;
using Cmi.Telemetry;

namespace Cmi.Engine;

/// <summary>
/// All that the engine has on one loop: its sessions, spare exchanges, server connections and scratch. Sessions that have something to do are run together
/// at the end of the loop's turn, so what became ready in one turn leaves in one send.
/// <para>Threading: the loop, except where a member says otherwise.</para>
/// </summary>
internal sealed class LoopState
{
    private const int MaxSpareExchanges = 1024;
    private const long StarvedPollMs = 20;

    private readonly Stack<Exchange> _spare = new();
    private readonly HashSet<ClientSession> _sessions = [];
    private readonly byte[] _date = new byte[29];
    private readonly LoopTimer _starvedPoll;
    private Queue<ClientSession> _woken = new(), _running = new();
    private bool _runPosted;
    private long _dateUntil = long.MinValue;
    private HashSet<ClientSession> _starved = [], _starvedBefore = [];

    public LoopState(CmiEngine engine, ILoop loop, EngineConfiguration configuration, Func<ServerAddress, ConnectionSlots> slots, Action<ServerAddress> reclaim)
    {
        (Engine, Loop, Configuration) = (engine, loop, configuration);
        Memory = new(ScratchBytes);
        Pool = new(loop, engine.Connections, slots, reclaim, Settings.ServerIdle, engine.Telemetry.Metrics);
        _starvedPoll = new(static state => ((LoopState)state!).WakeStarved(), this);
    }

    public CmiEngine Engine { get; }
    public ILoop Loop { get; }

    /// <summary>Its number among the loops, from 0.</summary>
    public int Index { get; init; }

    /// <summary>What requests that begin now are treated by; the same for a whole turn.</summary>
    public EngineConfiguration Configuration { get; private set; }

    public EngineSettings Settings => Configuration.Settings;
    public ServerPool Pool { get; }
    public LoopMemory Memory { get; }
    public IBufferStore Store => Engine.Buffers;
    public Gather ToClient { get; } = new();
    public Gather ToServer { get; } = new();
    public RequestHead RequestHead { get; } = new();
    public ResponseHead ResponseHead { get; } = new();
    public EngineCounters Counters { get; } = new();

    /// <summary>Whether anybody wants to know of single exchanges; asked once a turn.</summary>
    public bool IsWatched { get; private set; }

    public IReadOnlyCollection<ClientSession> Sessions => _sessions;

    /// <summary>The present second as the Date field says it (RFC 9110 §5.6.7).</summary>
    public ReadOnlySpan<byte> Date
    {
        get
        {
            if (Loop.Now >= _dateUntil)
            {
                var now = Loop.Time.GetUtcNow();
                var written = Utf8Formatter.TryFormat(now, _date, out _, new('R'));
                Debug.Assert(written);
                _dateUntil = Loop.Now + 1000 - now.Millisecond;
            }
            return _date;
        }
    }

    private int ScratchBytes => Settings.MaxHeadBytes + LoopMemory.MaxReceiveBytes + Gather.Capacity;

    /// <summary>Takes over another configuration: for requests and waits that begin from now on, and for what is idle.</summary>
    public void Change(EngineConfiguration configuration)
    {
        Debug.Assert(Loop.IsCurrent);
        Configuration = configuration;
        Memory.Reserve(ScratchBytes);
        Pool.Change(Settings.ServerIdle);
    }

    /// <summary>Whether an exchange of this loop may still have to do with a queue.</summary>
    public bool Uses(IJobQueue queue)
    {
        foreach (var session in _sessions)
        {
            if (session.Uses(queue)) return true;
        }
        return false;
    }

    /// <summary>Takes over a client that was accepted.</summary>
    public void Accept(IConnection connection)
    {
        var session = new ClientSession(this, connection);
        _sessions.Add(session);
        Counters.Accepted++;
        Counters.Clients++;
        Engine.ClientCameOrLeft(1);
        session.Start();
        if (Engine.IsDraining) session.Drain();                     // it crossed the end of its listener: one that has asked already is answered
    }

    /// <summary>Forgets a session that has ended.</summary>
    public void Remove(ClientSession session)
    {
        if (!_sessions.Remove(session)) return;
        _starved.Remove(session);
        Counters.Clients--;
        Engine.ClientCameOrLeft(-1);
    }

    /// <summary>Has a session run at the end of this turn. A session says this once until it has run.</summary>
    public void Wake(ClientSession session)
    {
        Debug.Assert(Loop.IsCurrent);
        _woken.Enqueue(session);
        if (_runPosted) return;
        _runPosted = true;
        Loop.Post(static state => ((LoopState)state!).RunWoken(), this);
    }

    /// <summary>Has a session run again soon, since a store had no room for it.</summary>
    public void Starved(ClientSession session)
    {
        _starved.Add(session);
        if (!_starvedPoll.IsSet) Loop.SetTimer(_starvedPoll, Loop.Now + StarvedPollMs);
    }

    public Exchange Rent() => _spare.TryPop(out var exchange) ? exchange : new(this);

    public void Return(Exchange exchange)
    {
        if (_spare.Count < MaxSpareExchanges) _spare.Push(exchange);
    }

    /// <summary>Lets go of all that is kept for the next use.</summary>
    public void Trim()
    {
        Debug.Assert(Loop.IsCurrent);
        Memory.Trim();
        _spare.Clear();
        _spare.TrimExcess();
        _sessions.TrimExcess();
        (Store as ITrimmableBufferStore)?.Trim(Loop);
    }

    /// <summary>Disposes of a buffer; a store may take its time.</summary>
    public void Dispose(IBuffer buffer)
    {
        try
        {
            var disposed = buffer.DisposeAsync();
            if (!disposed.IsCompletedSuccessfully) _ = AwaitDisposedAsync(disposed);
        }
        catch (Exception e)
        {
            Engine.Logger.BufferStoreFailed(e);
        }
    }

    /// <summary>Has every session finish what it has begun.</summary>
    public void Drain()
    {
        Pool.Shut();
        foreach (var session in _sessions.ToArray()) session.Drain();
    }

    /// <summary>Cuts every session.</summary>
    public int Cut()
    {
        var sessions = _sessions.ToArray();
        foreach (var session in sessions) session.Cut("the engine stops");
        Loop.ClearTimer(_starvedPoll);
        return sessions.Length;
    }

    private async Task AwaitDisposedAsync(ValueTask disposed)
    {
        try
        {
            await disposed;
        }
        catch (Exception e)
        {
            Engine.Logger.BufferStoreFailed(e);
        }
    }

    private void RunWoken()
    {
        // Those that are woken meanwhile run in the next turn, behind its I/O events: nobody starves the others.
        _runPosted = false;
        IsWatched = Engine.Telemetry.IsWatching;
        (_woken, _running) = (_running, _woken);
        while (_running.TryDequeue(out var session))
        {
            try
            {
                session.Run();
            }
            catch (Exception e)
            {
                Engine.Logger.SessionFailed(e);
                session.Cut("a fault of the engine");
                ToClient.Clear();                                   // what was gathered for one peer must not reach another
                ToServer.Clear();
            }
        }
    }

    private void WakeStarved()
    {
        (_starved, _starvedBefore) = (_starvedBefore, _starved);
        foreach (var session in _starvedBefore) session.WakeAll();
        _starvedBefore.Clear();
    }
}
