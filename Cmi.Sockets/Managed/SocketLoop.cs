using System.Diagnostics;
using Cmi.Loops;
using Microsoft.Extensions.Logging;

namespace Cmi.Sockets.Managed;

/// <summary>
/// A loop on a thread of its own. The system's I/O events arrive on the thread pool (that is how System.Net.Sockets has it) and are posted here, so a turn
/// is: the mailbox, due timers, the mailbox again for what was posted meanwhile, then waiting for a post or the next timer.
/// <para>It starts with <see cref="Start"/> and ends with <see cref="StopAsync"/>, behind all that was posted before.</para>
/// <para>Threading: <see cref="Post"/>, <see cref="IsCurrent"/>, <see cref="StopAsync"/> any thread; all else the loop itself.</para>
/// </summary>
internal sealed class SocketLoop : ILoop
{
    /// <summary>How large <see cref="Scratch"/> is: what a head and the first piece of content are joined in.</summary>
    public const int ScratchBytes = 64 * 1024;

    private const long LongTurnMilliseconds = 100;

    private readonly long _origin;
    private readonly ILogger _logger;
    private readonly Thread _thread;
    private readonly int _threadId;
    private readonly object _sleep = new();                        // a monitor, not an event: late completions post after the end, when an event would be disposed
    private readonly Mailbox _mailbox;
    private readonly TimerWheel _timers;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _woken;                                           // guarded by _sleep
    private bool _stopping;

    public SocketLoop(int index, TimeProvider time, long origin, ILogger logger)
    {
        (Time, _origin, _logger) = (time, origin, logger);
        _mailbox = new(Wake);
        Now = Milliseconds;
        _timers = new(Now);
        _thread = new(Run) { Name = $"cmi-loop-{index}", IsBackground = true };
        _threadId = _thread.ManagedThreadId;
    }

    public bool IsCurrent => Environment.CurrentManagedThreadId == _threadId;

    public TimeProvider Time { get; }

    public long Now { get; private set; }

    public Random Random { get; } = new();

    /// <summary>Memory for the length of one call, of whoever is on the loop.</summary>
    public byte[] Scratch { get; } = GC.AllocateUninitializedArray<byte>(ScratchBytes, pinned: true);

    /// <summary>The connections that this loop carries.</summary>
    public HashSet<SocketConnection> Open { get; } = [];

    private long Milliseconds => (long)Time.GetElapsedTime(_origin).TotalMilliseconds;

    public void Start() => _thread.Start();

    public void Post(SendOrPostCallback work, object? state)
    {
        if (IsCurrent) _mailbox.PostLocal(work, state);
        else _mailbox.Post(work, state);
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

    /// <summary>Ends the loop when it has done what was posted before.</summary>
    /// <returns>When its thread has ended.</returns>
    public async Task StopAsync()
    {
        _mailbox.Post(static loop => ((SocketLoop)loop!)._stopping = true, this);
        await _ended.Task;
        _thread.Join();                                            // the promise was its last act: nothing to wait for but its exit
    }

    private void Run()
    {
        SynchronizationContext.SetSynchronizationContext(new LoopSynchronizationContext(this));
        while (!_stopping)
        {
            Turn();
            Wait();
        }
        _ended.SetResult();
    }

    private void Turn()
    {
        var begin = Now = Milliseconds;
        Drain();
        try
        {
            _timers.Advance(Now);
        }
        catch (Exception e)
        {
            Log.Safely(_logger, logger => logger.Escaped(_thread.Name!, e));                     // the other timers that are due are so still: the next turn comes at once
        }
        Drain();
        if (Milliseconds - begin > LongTurnMilliseconds) TellOfLongTurn(Milliseconds - begin);
    }

    // Apart, so that the closure is made only for a long turn.
    private void TellOfLongTurn(long milliseconds) => Log.Safely(_logger, logger => logger.LongTurn(_thread.Name!, milliseconds));

    private void Drain()
    {
        try
        {
            _mailbox.Drain(int.MaxValue);
        }
        catch (Exception e)
        {
            Log.Safely(_logger, logger => logger.Escaped(_thread.Name!, e));                     // what was behind it waits still: the next turn comes at once
        }
    }

    private void Wait()
    {
        if (_stopping || !_mailbox.IsEmpty) return;
        var due = _timers.NextDue;
        var left = due == long.MaxValue ? Timeout.Infinite : Math.Clamp(due - Milliseconds, 0, int.MaxValue);
        lock (_sleep)
        {
            if (!_woken && left != 0) Monitor.Wait(_sleep, (int)left);
            _woken = false;
        }
    }

    private void Wake()
    {
        lock (_sleep)
        {
            _woken = true;
            Monitor.Pulse(_sleep);
        }
    }
}
