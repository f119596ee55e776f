using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Cmi.Sockets.Linux;

/// <summary>Something with a descriptor that one loop hears events of.</summary>
internal abstract class EpollTarget
{
    /// <summary>The descriptor; -1 when it was closed.</summary>
    public int Descriptor { get; protected set; } = -1;

    /// <summary>Its place in the set; 0: none.</summary>
    public int Slot { get; set; }

    /// <summary>Called on the loop with all that holds at this moment. What is not taken now is not told again: each edge comes once.</summary>
    public abstract void OnEvents(EpollEvents events);
}

/// <summary>
/// An epoll instance, what is registered in it, and the events that the last wait has found.
/// <para>
/// Each descriptor is registered once, edge-triggered, and leaves the instance when it is closed: no system call but the wait itself comes on
/// the way of a request. An event carries the place and its generation, not the descriptor: an event that was found before its descriptor was closed may be
/// taken when the number, or the place, is somebody else's already; the generation tells.
/// </para>
/// <para>Bound: as many places as the process has descriptors. Threading: the loop; <see cref="Wake"/> any thread.</para>
/// </summary>
internal sealed class EpollSet : IDisposable
{
    private const int MaxEvents = 512;
    private const int WakeSlot = 0;

    private readonly int _epoll;
    private readonly int _wake;
    private readonly Lock _waking = new();
    private readonly byte[] _events = GC.AllocateUninitializedArray<byte>(MaxEvents * Libc.EventBytes, pinned: true);
    private Place[] _places = new Place[64];
    private int _used = WakeSlot + 1;
    private int _free = -1;
    private bool _disposed;                                        // guarded by _waking

    /// <summary>Makes an instance.</summary>
    /// <exception cref="IOException">The system has no more handles.</exception>
    public EpollSet()
    {
        _epoll = Check(Libc.CreateEpoll());
        try
        {
            _wake = Check(Libc.CreateEvent());
        }
        catch
        {
            Libc.Close(_epoll);
            throw;
        }
        var added = Libc.EpollAdd(_epoll, _wake, EpollEvents.Receivable | EpollEvents.Edge, WakeSlot);
        if (added >= 0) return;
        Dispose();
        Check(added);
    }

    /// <summary>How many targets are registered.</summary>
    public int Count { get; private set; }

    /// <summary>All that is registered, as it is now.</summary>
    public EpollTarget[] Targets => [.. _places.Where(place => place.Target is not null).Select(place => place.Target!)];

    /// <summary>Registers a target with an open descriptor.</summary>
    /// <returns>Below 0: the error; nothing has changed.</returns>
    /// <remarks>What holds at this moment is an event already. So <see cref="EpollEvents.Sendable"/> ends the next wait for nothing where that is known.</remarks>
    public int Add(EpollTarget target, EpollEvents events)
    {
        var slot = _free >= 0 ? _free : _used;
        if (slot == _places.Length) Array.Resize(ref _places, 2 * slot);
        ref var place = ref _places[slot];
        var result = Libc.EpollAdd(_epoll, target.Descriptor, events | EpollEvents.Edge, place.Data(slot));
        if (result < 0) return result;
        if (slot == _used) _used++;
        else _free = place.NextFree;
        place.Target = target;
        target.Slot = slot;
        Count++;
        return 0;
    }

    /// <summary>Changes what a registered target hears. What holds at this moment is told with the next wait.</summary>
    /// <returns>Below 0: the error; nothing has changed.</returns>
    public int Change(EpollTarget target, EpollEvents events) =>
        Libc.EpollChange(_epoll, target.Descriptor, events | EpollEvents.Edge, _places[target.Slot].Data(target.Slot));

    /// <summary>Forgets a target. Closing its descriptor, in the same turn, takes it out of the instance.</summary>
    public void Forget(EpollTarget target)
    {
        if (target.Slot == 0) return;
        ref var place = ref _places[target.Slot];
        place.Target = null;
        place.Generation++;
        place.NextFree = _free;
        _free = target.Slot;
        target.Slot = 0;
        Count--;
    }

    /// <summary>Takes a target out whose descriptor stays open.</summary>
    public void Remove(EpollTarget target)
    {
        if (target.Slot == 0) return;
        Forget(target);
        _ = Libc.EpollRemove(_epoll, target.Descriptor);
    }

    /// <summary>Waits for events.</summary>
    /// <param name="milliseconds">The longest time; -1: without end.</param>
    /// <returns>How many were found.</returns>
    public int Wait(int milliseconds) => Check(Libc.EpollWait(_epoll, _events, milliseconds));

    /// <summary>The target of an event that was found, if it is still the one that the event is of.</summary>
    public EpollTarget? Target(int index, out EpollEvents events)
    {
        var raw = _events.AsSpan(index * Libc.EventBytes, Libc.EventBytes);
        events = (EpollEvents)MemoryMarshal.Read<uint>(raw);
        var data = MemoryMarshal.Read<ulong>(raw[Libc.EventDataOffset..]);
        ref var place = ref _places[(int)(uint)data];
        return place.Generation == (uint)(data >> 32) ? place.Target : null;
    }

    /// <summary>Ends the waiting, or the next one at once. Any thread, and also after the end.</summary>
    public void Wake()
    {
        lock (_waking)                                             // or the number could be another's by now
        {
            if (!_disposed) Libc.Signal(_wake);
        }
    }

    /// <summary>Closes the instance; the targets are their owners'.</summary>
    public void Dispose()
    {
        lock (_waking)
        {
            if (_disposed) return;
            _disposed = true;
            Libc.Close(_wake);
            Libc.Close(_epoll);
        }
    }

    private static int Check(int result) => result >= 0 ? result : throw new IOException("An epoll loop failed: " + new Win32Exception(-result).Message);

    private struct Place
    {
        public EpollTarget? Target;
        public uint Generation;
        public int NextFree;

        public readonly ulong Data(int slot) => ((ulong)Generation << 32) | (uint)slot;
    }
}
