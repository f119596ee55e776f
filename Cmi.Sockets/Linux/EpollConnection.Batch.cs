using System.Buffers;
using System.Diagnostics;

namespace Cmi.Sockets.Linux;

// What is received before the owner asks for it and sent after it was taken, in calls together with other connections (CallBatch).
internal sealed partial class EpollConnection
{
    private short _place = -1;                                     // in the batch, of what was received early
    private ushort _earlyTaken;
    private bool _hasOwnEvent;                                     // the event that it was received for is still to be told
    private bool _moreCame;                                        // since it was received
    private bool _hasLargeInput;                                   // is received from where it is wanted
    private bool _isClosedByOwner;                                 // and what is held here is still sent
    private LeftBytes? _left;

    /// <summary>Whether the batch keeps bytes that are to be sent.</summary>
    public bool HasKept { get; private set; }

    private bool HasEarly => _place >= 0 || _left is { Received.IsEmpty: false };

    private bool HasUnsent => _left is { Unsent.IsEmpty: false };

    /// <summary>Whether an event says that there is something to receive and no more than that, so that a short read leaves nothing.</summary>
    public bool MayReceiveEarly(EpollEvents events) =>
        (events & ~EpollEvents.Sendable) == EpollEvents.Receivable && !_hasLargeInput && _connecting is null && !_isClosedByOwner
        && (_ready & ~Readiness.Sendable) == Readiness.None;

    /// <summary>Takes note that the batch has received, or tried to.</summary>
    public void ReceivedEarly(int place)
    {
        Debug.Assert(!HasEarly);
        (_place, _earlyTaken, _hasOwnEvent, _moreCame) = ((short)place, 0, true, false);
    }

    /// <summary>Keeps what the owner has not taken in its turn, since others need the place.</summary>
    public void KeepReceived(int place)
    {
        if (_place != place) return;
        _place = -1;
        // An end, an error or nothing is found again by who asks.
        if (_loop.Calls!.OutcomeAt(place) > _earlyTaken) (_left ??= new()).Received.Set(_loop.Calls.BytesAt(place)[_earlyTaken..]);
    }

    /// <summary>Takes note of what has become of bytes that the batch has kept.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="outcome">How many were sent; below 0: the error, negated.</param>
    public void KeptWasSent(ReadOnlySpan<byte> bytes, int outcome)
    {
        HasKept = false;
        if (outcome == bytes.Length)
        {
            EndKept();
        }
        else if (outcome > 0 || outcome == -Errno.Again)
        {
            (_left ??= new()).Unsent.Set(bytes[Math.Max(outcome, 0)..]);
            WaitForRoom();
            if (_isClosedByOwner) BoundClosing();
        }
        else if (_isClosedByOwner)
        {
            Finish();
        }
        else
        {
            Fail();
            TellSoon();
        }
    }

    private bool TryTakeEarly(Span<byte> into, out int received)
    {
        received = 0;
        var isPlaced = _place >= 0;
        var total = isPlaced ? _loop.Calls!.OutcomeAt(_place) : 0;
        if (isPlaced && total <= 0)
        {
            _place = -1;
            return false;
        }
        var bytes = isPlaced ? _loop.Calls!.BytesAt(_place)[_earlyTaken..] : _left!.Received.Span;
        received = Math.Min(into.Length, bytes.Length);
        bytes[..received].CopyTo(into);
        _earlyTaken += (ushort)received;
        _unanswered = 0;
        if (isPlaced && received == bytes.Length) _place = -1;
        else if (!isPlaced) _left!.Received.Skip(received);
        if (HasEarly) return true;
        _hasLargeInput = _earlyTaken == CallBatch.ReceiveBytes;
        // It was a short read, which has left nothing.
        if (!_hasLargeInput && !_moreCame) _ready &= ~Readiness.Receivable;
        return true;
    }

    private void NoteInput(EpollEvents events)
    {
        if (!_hasOwnEvent) _moreCame |= (events & ~EpollEvents.Sendable) != EpollEvents.None;
        _hasOwnEvent = false;
    }

    // Whether the owner is to hear of the events.
    private bool TrySendRest(ref EpollEvents events)
    {
        var failed = (events & EpollEvents.Failed) != EpollEvents.None;
        while (HasUnsent && !failed && (events & EpollEvents.Sendable) != EpollEvents.None)
        {
            var count = Libc.Send(Descriptor, _left!.Unsent.Span, endFollows: false);
            if (count > 0) _left.Unsent.Skip(count);
            else if (count == -Errno.Again) events &= ~EpollEvents.Sendable;
            else failed = true;
        }
        if (failed)
        {
            _left!.Unsent.Clear();
            events |= EpollEvents.Failed;
        }
        if (!HasUnsent) EndKept();
        return !_isClosedByOwner && Descriptor >= 0;
    }

    private void EndKept()
    {
        if (_endSending) ShutDown();
        if (_isClosedByOwner) Finish();
    }

    private void CloseBehindKept()
    {
        _isClosedByOwner = true;
        _owner = null;
        _ready = Readiness.None;
        _loop.Manager.ClosingBegan();
        if (HasUnsent) BoundClosing();
    }

    // A peer that takes nothing must not keep it open: the time of the kernel's own bound, which Unix domain sockets do not have.
    private void BoundClosing() =>
        _loop.SetTimer(_left!.GiveUp ??= new(static connection => ((EpollConnection)connection!).Break("Its peer has not taken the rest in time."), this), _loop.Now + _loop.Manager.CloseMilliseconds);

    private void EndClosing()
    {
        _isClosedByOwner = false;
        _loop.Manager.ClosingEnded();
        if (_left?.GiveUp is { } timer) _loop.ClearTimer(timer);
    }

    private void DropKept()
    {
        HasKept = false;
        _loop.Calls!.Drop(this);
    }

    private void DropLeft()
    {
        _place = -1;
        _left?.Received.Clear();
        _left?.Unsent.Clear();
    }

    private sealed class LeftBytes
    {
        public Bytes Received;
        public Bytes Unsent;
        public LoopTimer? GiveUp;                                  // when it was closed and there is a rest
    }

    // A run of bytes in rented memory.
    private struct Bytes
    {
        private byte[]? _memory;
        private int _start, _end;

        public readonly bool IsEmpty => _memory is null;

        public readonly ReadOnlySpan<byte> Span => _memory.AsSpan(_start, _end - _start);

        public void Set(ReadOnlySpan<byte> bytes)
        {
            Debug.Assert(IsEmpty && !bytes.IsEmpty);
            _memory = ArrayPool<byte>.Shared.Rent(bytes.Length);
            (_start, _end) = (0, bytes.Length);
            bytes.CopyTo(_memory);
        }

        public void Skip(int count)
        {
            _start += count;
            if (_start == _end) Clear();
        }

        public void Clear()
        {
            if (_memory is { } memory) ArrayPool<byte>.Shared.Return(memory);
            _memory = null;
        }
    }
}
