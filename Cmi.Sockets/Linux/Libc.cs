using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Cmi.Sockets.Linux;

/// <summary>
/// The system calls of the epoll transport, all of them on non-blocking descriptors. A result below 0 is an error: its number, negated (<see cref="Errno"/>).
/// <para>
/// Every signature is blittable and none has SetLastError: such a call costs a few nanoseconds over the bare one. The runtime keeps errno over what it does
/// itself on the way back, so it is read at once, and only when -1 came back.
/// </para>
/// <para>Threading: any thread.</para>
/// </summary>
internal static unsafe partial class Libc
{
    /// <summary>How many bytes of a buffer one event takes: struct epoll_event is packed on x64, and on no other system.</summary>
    public static readonly int EventBytes = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    /// <summary>Where in an event its data is.</summary>
    public static readonly int EventDataOffset = EventBytes - sizeof(ulong);

    private const int AfUnix = 1, AfInet = 2, AfInet6 = 10;
    private const int NumberOfFiles = 7;                           // RLIMIT_NOFILE
    private const int SockStream = 1, NonBlock = 0x800, CloseOnExec = 0x80000;
    private const int SolSocket = 1, SoError = 4, SoKeepAlive = 9, SoLinger = 13;
    private const int IpProtoTcp = 6, TcpNoDelay = 1, TcpCongestion = 13, TcpUserTimeout = 18;
    private const int NoSignal = 0x4000, MoreFollows = 0x8000, ShutSend = 1;
    private const int RingSetup = 425, RingEnter = 426;             // the same numbers on every architecture
    private const int CtlAdd = 1, CtlDelete = 2, CtlChange = 3;

    /// <summary>Makes an epoll instance.</summary>
    public static int CreateEpoll() => Result(epoll_create1(CloseOnExec));

    /// <summary>Registers a descriptor, for as long as it is open.</summary>
    public static int EpollAdd(int epoll, int descriptor, EpollEvents events, ulong data) => EpollControl(epoll, CtlAdd, descriptor, events, data);

    /// <summary>Changes what is told of a registered descriptor. What holds at this moment is told, as if it had just come.</summary>
    public static int EpollChange(int epoll, int descriptor, EpollEvents events, ulong data) => EpollControl(epoll, CtlChange, descriptor, events, data);

    /// <summary>Takes a descriptor out that stays open.</summary>
    public static int EpollRemove(int epoll, int descriptor)
    {
        var unused = stackalloc byte[16];                          // kernels before 2.6.9 wanted one; it costs nothing
        return Result(epoll_ctl(epoll, CtlDelete, descriptor, unused));
    }

    /// <summary>Waits for events.</summary>
    /// <returns>How many were written; also 0 when a signal came first.</returns>
    public static int EpollWait(int epoll, Span<byte> events, int milliseconds)
    {
        fixed (byte* raw = events)
        {
            var count = Result(epoll_wait(epoll, raw, events.Length / EventBytes, milliseconds));
            return count == -Errno.Interrupted ? 0 : count;
        }
    }

    /// <summary>Makes a counter that ends the waiting of an epoll instance.</summary>
    public static int CreateEvent() => Result(eventfd(0, CloseOnExec | NonBlock));

    /// <summary>The number that the next descriptor will get: as many are open at the least. Negative: there is none.</summary>
    public static int NextDescriptor()
    {
        var descriptor = CreateEvent();
        if (descriptor >= 0) Close(descriptor);
        return descriptor;
    }

    /// <summary>How many descriptors this process may have open.</summary>
    public static int MaxDescriptors()
    {
        var limits = stackalloc ulong[2];                          // now, and the most that it may ask for
        return getrlimit(NumberOfFiles, limits) == 0 ? (int)Math.Min(limits[0], int.MaxValue) : int.MaxValue;
    }

    /// <summary>Counts one up; an edge for whoever waits. It is never read, so it is full after 2^64 - 2 calls, and not before.</summary>
    public static void Signal(int descriptor)
    {
        var one = 1UL;
        while (Result(write(descriptor, &one, sizeof(ulong))) == -Errno.Interrupted) { }
    }

    /// <summary>Makes a stream socket.</summary>
    public static int OpenSocket(System.Net.Sockets.AddressFamily family) => Result(socket(
        family switch
        {
            System.Net.Sockets.AddressFamily.Unix => AfUnix,
            System.Net.Sockets.AddressFamily.InterNetworkV6 => AfInet6,
            _ => AfInet,
        },
        SockStream | NonBlock | CloseOnExec, 0));

    /// <summary>Begins to connect.</summary>
    /// <returns>0: connected; <see cref="Errno.InProgress"/>, negated: the event tells.</returns>
    public static int Connect(int descriptor, ReadOnlySpan<byte> address)
    {
        fixed (byte* raw = address)
        {
            // Interrupted, it goes on in the background, as in progress.
            var result = Result(connect(descriptor, raw, (uint)address.Length));
            return result == -Errno.Interrupted ? -Errno.InProgress : result;
        }
    }

    /// <summary>Takes the next client.</summary>
    /// <param name="descriptor">What listens.</param>
    /// <param name="address">Where its address is put.</param>
    /// <param name="addressBytes">How much of that was.</param>
    /// <returns>Its descriptor.</returns>
    public static int Accept(int descriptor, Span<byte> address, out int addressBytes)
    {
        fixed (byte* raw = address)
        {
            var length = (uint)address.Length;
            var accepted = Result(accept4(descriptor, raw, &length, NonBlock | CloseOnExec));
            addressBytes = (int)Math.Min(length, (uint)address.Length);
            return accepted;
        }
    }

    /// <summary>Receives what is there; 0: the end.</summary>
    public static int Receive(int descriptor, Span<byte> into)
    {
        fixed (byte* raw = into)
        {
            for (; ; )
            {
                var count = recv(descriptor, raw, (nuint)into.Length, 0);
                if (count >= 0) return (int)count;
                var error = Marshal.GetLastSystemError();
                if (error != Errno.Interrupted) return -error;
            }
        }
    }

    /// <summary>Sends what goes.</summary>
    /// <param name="descriptor">The connection.</param>
    /// <param name="bytes">What to send.</param>
    /// <param name="endFollows">Holds the last segment back, so that the end leaves with it (MSG_MORE): for 200 ms at the most, if none follows.</param>
    public static int Send(int descriptor, ReadOnlySpan<byte> bytes, bool endFollows)
    {
        fixed (byte* raw = bytes)
        {
            for (; ; )
            {
                var count = send(descriptor, raw, (nuint)bytes.Length, SendFlags(endFollows));
                if (count >= 0) return (int)count;
                var error = Marshal.GetLastSystemError();
                if (error != Errno.Interrupted) return -error;
            }
        }
    }

    /// <summary>Sends what goes of two pieces, as one run of bytes.</summary>
    public static int Send(int descriptor, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, bool endFollows)
    {
        fixed (byte* rawFirst = first, rawSecond = second)
        {
            var pieces = stackalloc Piece[2];
            pieces[0] = new() { Start = rawFirst, Length = (nuint)first.Length };
            pieces[1] = new() { Start = rawSecond, Length = (nuint)second.Length };
            var message = new Message { Pieces = pieces, PieceCount = 2 };
            for (; ; )
            {
                var count = sendmsg(descriptor, &message, SendFlags(endFollows));
                if (count >= 0) return (int)count;
                var error = Marshal.GetLastSystemError();
                if (error != Errno.Interrupted) return -error;
            }
        }
    }

    /// <summary>How the system is to send: without a signal where the peer is gone, and the last segment held back if the end follows.</summary>
    public static int SendFlags(bool endFollows) => endFollows ? NoSignal | MoreFollows : NoSignal;

    /// <summary>Ends the sending direction.</summary>
    public static int ShutdownSending(int descriptor) => Result(shutdown(descriptor, ShutSend));

    /// <summary>Closes a descriptor. Not again when interrupted: on Linux it is closed then, and its number may be somebody else's already.</summary>
    public static void Close(int descriptor) => _ = close(descriptor);

    /// <summary>The error that a connect in progress has ended with; 0: none. Negated like the others.</summary>
    public static int TakeError(int descriptor)
    {
        int error, length = sizeof(int);
        var result = Result(getsockopt(descriptor, SolSocket, SoError, &error, (uint*)&length));
        return result < 0 ? result : -error;
    }

    /// <summary>Has small pieces leave at once.</summary>
    public static int SetNoDelay(int descriptor) => SetOption(descriptor, IpProtoTcp, TcpNoDelay, 1);

    /// <summary>Whether small pieces leave at once.</summary>
    public static bool HasNoDelay(int descriptor)
    {
        int value = 0, length = sizeof(int);
        return Result(getsockopt(descriptor, IpProtoTcp, TcpNoDelay, &value, (uint*)&length)) == 0 && value != 0;
    }

    /// <summary>
    /// Has TCP find its speed by the plainest way, which every Linux has and lets everybody use (tcp(7), TCP_CONGESTION). What was set on a listening socket
    /// is handed down to what is accepted from it.
    /// </summary>
    public static int SetPlainCongestionControl(int descriptor)
    {
        fixed (byte* name = "reno"u8) return Result(setsockopt(descriptor, IpProtoTcp, TcpCongestion, name, 4));
    }

    /// <summary>Whether TCP finds its speed by the plainest way.</summary>
    public static bool HasPlainCongestionControl(int descriptor)
    {
        const int MaxNameBytes = 16;                               // TCP_CA_NAME_MAX
        var name = stackalloc byte[MaxNameBytes];
        var length = (uint)MaxNameBytes;
        return Result(getsockopt(descriptor, IpProtoTcp, TcpCongestion, name, &length)) == 0 && new ReadOnlySpan<byte>(name, (int)length).StartsWith("reno\0"u8);
    }

    /// <summary>Has the system ask silent peers.</summary>
    public static int SetKeepAlive(int descriptor) => SetOption(descriptor, SolSocket, SoKeepAlive, 1);

    /// <summary>Bounds how long sent bytes may stay without being acknowledged or taken.</summary>
    public static int SetUserTimeout(int descriptor, int milliseconds) => SetOption(descriptor, IpProtoTcp, TcpUserTimeout, milliseconds);

    /// <summary>Has the next close reset the connection.</summary>
    public static int SetResetOnClose(int descriptor)
    {
        var linger = stackalloc int[2] { 1, 0 };                   // on, for no time
        return Result(setsockopt(descriptor, SolSocket, SoLinger, linger, 2 * sizeof(int)));
    }

    /// <summary>The address of this end.</summary>
    /// <returns>How many bytes of it were written.</returns>
    public static int GetLocalAddress(int descriptor, Span<byte> address)
    {
        fixed (byte* raw = address)
        {
            var length = (uint)address.Length;
            var result = Result(getsockname(descriptor, raw, &length));
            return result < 0 ? result : (int)Math.Min(length, (uint)address.Length);
        }
    }

    /// <summary>Makes an io_uring instance.</summary>
    /// <param name="entries">How many calls it takes at once.</param>
    /// <param name="parameters">What the system says of it: struct io_uring_params.</param>
    /// <returns>Its descriptor.</returns>
    public static int OpenRing(uint entries, Span<byte> parameters)
    {
        fixed (byte* raw = parameters) return Result(io_uring_setup(RingSetup, entries, raw));
    }

    /// <summary>Has an io_uring instance make calls, and waits until as many are done.</summary>
    /// <returns>How many it has taken.</returns>
    public static int EnterRing(int ring, uint calls)
    {
        const uint GetEvents = 1;
        return Result(io_uring_enter(RingEnter, ring, calls, calls, GetEvents, null, 0));
    }

    /// <summary>Maps memory that is shared with the system.</summary>
    /// <returns>null: it cannot be mapped.</returns>
    public static byte* Map(int descriptor, nuint bytes, nint offset)
    {
        const int ReadAndWrite = 3, SharedAndPresent = 0x8001;     // MAP_SHARED, MAP_POPULATE
        var mapped = mmap(null, bytes, ReadAndWrite, SharedAndPresent, descriptor, offset);
        return mapped == (void*)-1 ? null : (byte*)mapped;
    }

    /// <summary>Gives mapped memory back.</summary>
    public static void Unmap(byte* start, nuint bytes) => _ = munmap(start, bytes);

    /// <summary>Keeps the calling thread to one of the processors that it may use now.</summary>
    /// <param name="index">Which of them, counted round.</param>
    public static int PinThread(int index)
    {
        const int Words = 128;                                     // 8192 processors
        var set = stackalloc ulong[Words];
        new Span<ulong>(set, Words).Clear();
        var result = Result(sched_getaffinity(0, Words * sizeof(ulong), set));
        if (result < 0) return result;
        var count = 0;
        for (var i = 0; i < Words; i++) count += System.Numerics.BitOperations.PopCount(set[i]);
        if (count == 0) return -Errno.Invalid;
        var left = index % count;
        for (var i = 0; i < Words; i++)
        {
            for (var word = set[i]; word != 0; word &= word - 1)
            {
                if (left-- != 0) continue;
                new Span<ulong>(set, Words).Clear();
                set[i] = word & (~word + 1);                       // its lowest bit
                return Result(sched_setaffinity(0, Words * sizeof(ulong), set));
            }
        }
        return -Errno.Invalid;
    }

    private static int EpollControl(int epoll, int operation, int descriptor, EpollEvents events, ulong data)
    {
        var raw = stackalloc byte[16];
        *(uint*)raw = (uint)events;
        *(ulong*)(raw + EventDataOffset) = data;
        return Result(epoll_ctl(epoll, operation, descriptor, raw));
    }

    private static int SetOption(int descriptor, int level, int option, int value) => Result(setsockopt(descriptor, level, option, &value, sizeof(int)));

    private static int Result(nint result) => result >= 0 ? (int)result : -Marshal.GetLastSystemError();

    [StructLayout(LayoutKind.Sequential)]
    private struct Piece                                           // struct iovec
    {
        public byte* Start;
        public nuint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Message                                         // struct msghdr
    {
        public void* Name;
        public nuint NameLength;                                   // socklen_t and padding
        public Piece* Pieces;
        public nuint PieceCount;
        public void* Control;
        public nuint ControlLength;
        public nint Flags;                                         // int and padding
    }
}
