using System.ComponentModel;
using System.Net;
using System.Runtime.InteropServices;

namespace Cmi.Sockets.Linux;

/// <summary>
/// A loop that waits by epoll for its own connections and listening sockets, so that nothing on the way of a request changes threads.
/// <para>Threading: as <see cref="SocketLoop"/>.</para>
/// </summary>
internal sealed class EpollLoop : SocketLoop
{
    private static readonly Lazy<bool> Supported = new(Probe);

    private EpollLoop(SocketConnectionManager manager, int index, TimeProvider time, long origin)
        : base(manager, index, time, origin)
    {
    }

    /// <summary>Whether this system has what such a loop needs.</summary>
    public static bool IsSupported => Supported.Value;

    /// <summary>What is registered on this loop.</summary>
    public EpollSet Set { get; } = new();

    /// <summary>What its connections receive, send and close together; <see langword="null"/>: each makes its own calls, at once.</summary>
    public CallBatch? Calls { get; private set; }

    /// <summary>Makes as many loops as the options say; they are not started.</summary>
    /// <exception cref="IOException">The system has no more handles.</exception>
    public static SocketLoop[] CreateAll(SocketConnectionManager manager, TimeProvider time, long origin)
    {
        var loops = new List<EpollLoop>(manager.Options.LoopCount);
        try
        {
            for (var index = 0; index < manager.Options.LoopCount; index++) loops.Add(new(manager, index, time, origin));
        }
        catch
        {
            foreach (var loop in loops) loop.OnStopped();
            throw;
        }
        return [.. loops];
    }

    public override async ValueTask<IConnection> DialAsync(EndPoint endPoint, CancellationToken cancellationToken)
    {
        var connection = EpollConnection.Dial(this, endPoint, out var connecting, cancellationToken);
        try
        {
            await connecting;
            return connection.IsToItself(endPoint) ? throw new Win32Exception(Errno.Refused) : connection;
        }
        catch
        {
            connection.Discard();
            throw;
        }
    }

    public override void BreakAll()
    {
        foreach (var target in Set.Targets) (target as EpollConnection)?.Break("The transport was disposed.");
    }

    protected override void OnStarted()
    {
        if (Manager.Options.BatchCalls) Calls = CallBatch.TryCreate();     // here, since the kernel keeps what it needs for that with the thread
        if (Manager.Options.BatchCalls && Calls is null) Log.Safely(Manager.Logger, logger => logger.CallsOneByOne(Name));
        if (!Manager.Options.PinLoops) return;
        var result = Libc.PinThread(Index);
        if (result < 0) Log.Safely(Manager.Logger, logger => logger.CannotPin(Name, new Win32Exception(-result).Message));
    }

    protected override void OnStopped()
    {
        Set.Dispose();
        Calls?.Dispose();
    }

    protected override int Wait(int milliseconds) => Set.Wait(milliseconds);

    protected override void TakeEvents(int count)
    {
        Calls?.Receive(Set, count);
        for (var index = 0; index < count; index++)
        {
            try
            {
                while (index < count)
                {
                    var target = Set.Target(index, out var events);
                    target?.OnEvents(events);
                    index++;
                }
            }
            catch (Exception e)
            {
                Escaped(e);                                        // the events behind it are told only once: go on with them
            }
        }
    }

    protected override void EndTurn() => Calls?.EndTurn();

    protected override void Wake() => Set.Wake();

    private static bool Probe()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture is not (Architecture.X64 or Architecture.Arm64)) return false;
        try
        {
            new EpollSet().Dispose();
            return true;
        }
        catch (Exception e) when (e is IOException or DllNotFoundException or EntryPointNotFoundException)
        {
            return false;                                          // a sandbox that forbids it, or a C library of another make
        }
    }
}
