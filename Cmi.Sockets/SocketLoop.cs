using System.Diagnostics;
using System.Net;
using System.Runtime.CompilerServices;
using Cmi.Loops;
using Microsoft.Extensions.Logging;

namespace Cmi.Sockets;

/// <summary>
/// A loop on a thread of its own: what is the same whichever way the system tells of events. A turn is: events, due timers, the mailbox; then it waits for
/// events, for a post or for the next timer.
/// <para>It starts with <see cref="Start"/> and ends with <see cref="StopAsync"/>, behind all that was posted before.</para>
/// <para>Threading: <see cref="Post"/>, <see cref="IsCurrent"/>, <see cref="TimersSet"/>, <see cref="StopAsync"/>, <see cref="Wake"/> any thread; all else the loop itself.</para>
/// </summary>
internal abstract class SocketLoop : ILoop
{
    private const long LongTurnMilliseconds = 100;

    private readonly long _origin;
    private readonly Thread _thread;
    private readonly int _threadId;
    private readonly TimerWheel _timers;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _stopping;

    protected SocketLoop(SocketConnectionManager manager, int index, TimeProvider time, long origin)
    {
        (Manager, Index, Time, _origin) = (manager, index, time, origin);
        Name = $"cmi-loop-{index}";
        Mailbox = new(Wake);
        Now = Milliseconds;
        _timers = new(Now);
        _thread = new(Run) { Name = Name, IsBackground = true };
        _threadId = _thread.ManagedThreadId;
    }

    /// <summary>Its place among the loops of the manager, from 0.</summary>
    public int Index { get; }

    /// <summary>What it is called in logs.</summary>
    public string Name { get; }

    public bool IsCurrent => Environment.CurrentManagedThreadId == _threadId;

    public TimeProvider Time { get; }

    public long Now { get; private set; }

    public Random Random { get; } = new();

    public int TimersSet => _timers.Count;

    /// <summary>The transport that the loop is of.</summary>
    public SocketConnectionManager Manager { get; }

    protected Mailbox Mailbox { get; }

    protected bool IsStopping => _stopping;

    private long Milliseconds => (long)Time.GetElapsedTime(_origin).TotalMilliseconds;

    public void Start() => _thread.Start();

    public void Post(SendOrPostCallback work, object? state)
    {
        if (IsCurrent) Mailbox.PostLocal(work, state);
        else Mailbox.Post(work, state);
    }

    public void SetTimer(LoopTimer node, long due)
    {
        Debug.Assert(IsCurrent);
        _timers.Set(node, due);
    }

    public void ClearTimer(LoopTimer node)
    {
        Debug.Assert(IsCurrent);
        _timers.Clear(node);
    }

    /// <summary>Connects to one address. Called on the loop, and comes home to it.</summary>
    /// <param name="endPoint">An IP address with a port, or the path of a Unix domain socket.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The connection.</returns>
    /// <exception cref="System.ComponentModel.Win32Exception">It cannot be reached (a <see cref="System.Net.Sockets.SocketException"/> is one too).</exception>
    public abstract ValueTask<IConnection> DialAsync(EndPoint endPoint, CancellationToken cancellationToken);

    /// <summary>Resets all connections of the loop, also those that linger.</summary>
    public abstract void BreakAll();

    /// <summary>Ends the loop when it has done what was posted before.</summary>
    /// <returns>When its thread has ended.</returns>
    public async Task StopAsync()
    {
        Mailbox.Post(static loop => ((SocketLoop)loop!)._stopping = true, this);
        await _ended.Task;
        _thread.Join();                                            // the promise was its last act: nothing to wait for but its exit
    }

    /// <summary>Logs what a call of somebody else's code threw.</summary>
    public void Escaped(Exception e) => Log.Safely(Manager.Logger, logger => logger.Escaped(Name, e));

    /// <summary>Called once on the loop's thread, before its first turn.</summary>
    protected virtual void OnStarted()
    {
    }

    /// <summary>Called once on the loop's thread, behind its last turn.</summary>
    protected virtual void OnStopped()
    {
    }

    /// <summary>Waits for events, or for <see cref="Wake"/>.</summary>
    /// <param name="milliseconds">The longest time; -1: without end.</param>
    /// <returns>How many events <see cref="TakeEvents"/> has to take.</returns>
    protected abstract int Wait(int milliseconds);

    /// <summary>Takes the events that <see cref="Wait"/> has found. Must not throw.</summary>
    protected abstract void TakeEvents(int count);

    /// <summary>Called behind all that is done in a turn. Must not throw; what it posts has the next turn come at once.</summary>
    protected virtual void EndTurn()
    {
    }

    /// <summary>Ends the waiting, or keeps the loop from the next one. Must not throw, not even when the loop has ended.</summary>
    protected abstract void Wake();

    protected void Drain()
    {
        try
        {
            Mailbox.Drain(int.MaxValue);
        }
        catch (Exception e)
        {
            Escaped(e);                                            // what was behind it waits still: the next turn comes at once
        }
    }

    // Never returns, so it stays code that was compiled in a hurry: what is worth compiling well is in Turn, which is called anew each time.
    private void Run()
    {
        SynchronizationContext.SetSynchronizationContext(new LoopSynchronizationContext(this));
        OnStarted();
        for (var timeout = 0; !_stopping;) timeout = Turn(Wait(timeout));
        OnStopped();
        _ended.SetResult();
    }

    /// <summary>One turn.</summary>
    /// <returns>How many milliseconds the loop may wait for events then.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int Turn(int events)
    {
        var begin = Now = Milliseconds;
        TakeEvents(events);
        try
        {
            _timers.Advance(begin);
        }
        catch (Exception e)
        {
            Escaped(e);                                            // the other timers that are due are so still: the next turn comes at once
        }
        Drain();
        EndTurn();
        var end = Milliseconds;
        if (end - begin > LongTurnMilliseconds) TellOfLongTurn(end - begin);
        if (!Mailbox.IsEmpty) return 0;
        var due = _timers.NextDue;
        return due == long.MaxValue ? Timeout.Infinite : (int)Math.Clamp(due - end, 0, int.MaxValue);
    }

    // Apart, so that the closure is made only for a long turn.
    private void TellOfLongTurn(long milliseconds) => Log.Safely(Manager.Logger, logger => logger.LongTurn(Name, milliseconds));
}
