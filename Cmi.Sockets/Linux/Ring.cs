using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Cmi.Sockets.Linux;

/// <summary>
/// Has the kernel make several calls on non-blocking sockets for the price of one: an io_uring instance (io_uring(7)) that is used for nothing else. Calls are
/// put down one after another, and <see cref="Run"/> has them made in that order; when it returns, all of them are done, for none can block. So there is nothing
/// under way between two runs, and memory has to stay where it is only while one lasts.
/// <para>Bound: <see cref="Capacity"/> calls a run. Threading: one thread at a time.</para>
/// </summary>
internal sealed unsafe class Ring : IDisposable
{
    /// <summary>The most calls in one run.</summary>
    public const int Capacity = 128;

    private const int ParameterBytes = 120;                        // struct io_uring_params
    private const uint SingleMapping = 1;                          // IORING_FEAT_SINGLE_MMAP: Linux 5.4; what is called here needs 5.6
    private const nint CallsOffset = 0x1000_0000;                  // IORING_OFF_SQES
    private const byte CloseCall = 19, SendCall = 26, ReceiveCall = 27;     // IORING_OP_...
    private const uint DontWait = 0x40;                            // MSG_DONTWAIT

    private readonly int _descriptor;
    private readonly nuint _sharedBytes;
    private readonly byte* _shared;
    private readonly Call* _calls;
    private readonly uint* _callsEnd, _order, _resultsBegin, _resultsEnd;
    private readonly Result* _results;
    private readonly uint _callMask, _resultMask;
    private readonly int[] _outcomes = new int[Capacity];
    private bool _disposed;

    private Ring(int descriptor, ReadOnlySpan<uint> parameters)
    {
        const int CallRing = 10, ResultRing = 20;                  // where their offsets begin
        _descriptor = descriptor;
        var (calls, results) = (parameters[0], parameters[1]);
        _sharedBytes = Math.Max(parameters[CallRing + 6] + calls * sizeof(uint), parameters[ResultRing + 5] + results * (uint)sizeof(Result));
        _shared = Libc.Map(descriptor, _sharedBytes, 0);
        _calls = (Call*)Libc.Map(descriptor, calls * (uint)sizeof(Call), CallsOffset);
        if (!IsMapped) return;
        _callsEnd = (uint*)(_shared + parameters[CallRing + 1]);
        _callMask = *(uint*)(_shared + parameters[CallRing + 2]);
        _order = (uint*)(_shared + parameters[CallRing + 6]);
        _resultsBegin = (uint*)(_shared + parameters[ResultRing]);
        _resultsEnd = (uint*)(_shared + parameters[ResultRing + 1]);
        _resultMask = *(uint*)(_shared + parameters[ResultRing + 2]);
        _results = (Result*)(_shared + parameters[ResultRing + 5]);
    }

    /// <summary>How many calls were put down since the last run.</summary>
    public int Count { get; private set; }

    /// <summary>What the calls of the last run have returned, in their order; below 0: the error, negated.</summary>
    public ReadOnlySpan<int> Outcomes => _outcomes;

    private bool IsMapped => _shared is not null && _calls is not null;

    /// <summary>Makes an instance, and sees whether it does what is wanted of it.</summary>
    /// <returns><see langword="null"/>: the system has none, or does not let this process have one, as containers often do not.</returns>
    public static Ring? TryOpen()
    {
        Span<uint> parameters = stackalloc uint[ParameterBytes / sizeof(uint)];
        parameters.Clear();
        var descriptor = Libc.OpenRing(Capacity, MemoryMarshal.AsBytes(parameters));
        if (descriptor < 0) return null;
        var ring = new Ring(descriptor, parameters);
        if ((parameters[5] & SingleMapping) != 0 && ring.IsMapped && ring.Works()) return ring;
        ring.Dispose();
        return null;
    }

    /// <summary>Puts down: receive what is there.</summary>
    /// <param name="descriptor">The socket.</param>
    /// <param name="pinned">Memory that stays where it is.</param>
    /// <param name="start">Where in it the bytes are put; nothing else is until the run is over.</param>
    /// <param name="bytes">How much room there is.</param>
    public void Receive(int descriptor, byte[] pinned, int start, int bytes) => Put(ReceiveCall, descriptor, Place(pinned, start), bytes, DontWait);

    /// <summary>Puts down: send what goes.</summary>
    /// <param name="descriptor">The socket.</param>
    /// <param name="pinned">Memory that stays where it is.</param>
    /// <param name="start">Where in it the bytes are; they stay there until the run is over.</param>
    /// <param name="bytes">How many.</param>
    /// <param name="endFollows">As of <see cref="Libc.Send(int, ReadOnlySpan{byte}, bool)"/>.</param>
    public void Send(int descriptor, byte[] pinned, int start, int bytes, bool endFollows) =>
        Put(SendCall, descriptor, Place(pinned, start), bytes, DontWait | (uint)Libc.SendFlags(endFollows));

    /// <summary>Puts down: close.</summary>
    /// <param name="descriptor">Any descriptor.</param>
    public void Close(int descriptor) => Put(CloseCall, descriptor, null, 0, 0);

    /// <summary>Has all calls made that were put down. <see cref="Outcomes"/> has what became of each.</summary>
    /// <remarks>If the system refuses what it took before, the process ends: what is left in the ring would be made with the next calls, and could give one peer the bytes of another.</remarks>
    public void Run()
    {
        var error = TryRun();
        if (error != 0) Environment.FailFast($"io_uring_enter failed with error {error}.");
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        if (_shared is not null) Libc.Unmap(_shared, _sharedBytes);
        if (_calls is not null) Libc.Unmap((byte*)_calls, (_callMask + 1) * (uint)sizeof(Call));
        Libc.Close(_descriptor);
    }

    private void Put(byte operation, int descriptor, byte* memory, int bytes, uint flags)
    {
        Debug.Assert(Count < Capacity);
        var end = *_callsEnd;
        var index = end & _callMask;
        _calls[index] = new() { Operation = operation, Descriptor = descriptor, Memory = memory, Bytes = (uint)bytes, Flags = flags, Token = (uint)Count++ };
        _order[index] = index;
        Volatile.Write(ref *_callsEnd, end + 1);
    }

    // The error for which the calls were not all made, or 0.
    private int TryRun()
    {
        var left = Count;
        Count = 0;
        while (left > 0)
        {
            var taken = Libc.EnterRing(_descriptor, (uint)left);
            var done = Collect();
            left -= done;
            if (taken >= 0 || done > 0) continue;                  // one that the kernel does not know ends its taking: those behind it are for the next time
            if (-taken is not (Errno.Interrupted or Errno.Again or Errno.Busy)) return -taken;
            Thread.Yield();                                        // no memory for them: ask again
        }
        return 0;
    }

    private int Collect()
    {
        var begin = *_resultsBegin;
        var end = Volatile.Read(ref *_resultsEnd);
        for (var at = begin; at != end; at++)
        {
            ref var result = ref _results[at & _resultMask];
            _outcomes[(int)result.Token] = result.Value;
        }
        Volatile.Write(ref *_resultsBegin, end);
        return (int)(end - begin);
    }

    private static byte* Place(byte[] pinned, int start) => (byte*)Unsafe.AsPointer(ref pinned[start]);

    // Kernels differ, and so do the rules of containers: nothing tells as well as trying.
    private bool Works()
    {
        var bytes = GC.AllocateUninitializedArray<byte>(1, pinned: true);
        var descriptor = Libc.CreateEvent();                       // no socket: both calls say so at once
        if (descriptor < 0) return false;
        try
        {
            Receive(descriptor, bytes, 0, 1);
            Send(descriptor, bytes, 0, 1, endFollows: false);
            if (TryRun() != 0 || _outcomes[0] != -Errno.NotSocket || _outcomes[1] != -Errno.NotSocket) return false;
            var closed = Libc.CreateEvent();
            if (closed < 0) return false;
            Close(closed);
            if (TryRun() == 0 && _outcomes[0] == 0) return true;
            Libc.Close(closed);
            return false;
        }
        finally
        {
            Libc.Close(descriptor);
        }
    }

    [StructLayout(LayoutKind.Explicit, Size = 64)]
    private struct Call                                            // struct io_uring_sqe
    {
        [FieldOffset(0)] public byte Operation;
        [FieldOffset(4)] public int Descriptor;
        [FieldOffset(16)] public byte* Memory;
        [FieldOffset(24)] public uint Bytes;
        [FieldOffset(28)] public uint Flags;
        [FieldOffset(32)] public ulong Token;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Result                                          // struct io_uring_cqe
    {
        public ulong Token;
        public int Value;
        public uint Flags;
    }
}
