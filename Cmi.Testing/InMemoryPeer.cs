using System.Buffers;
using System.Text;

namespace Cmi.Testing;

/// <summary>
/// An end of a connection outside of the loops that a test holds in its hand: a client of the gateway, or what a scripted server has accepted.
/// <para>Threading: the thread of the test. What it does is seen by the loops when they are cranked.</para>
/// </summary>
public sealed class InMemoryPeer : InMemoryEnd
{
    private readonly ArrayBufferWriter<byte> _unsent = new();
    private readonly ManualLoops _loops;
    private int _unsentBegin;
    private bool _ending;
    private bool _closing;
    private bool _queued;

    internal InMemoryPeer(ManualLoops loops) => _loops = loops;

    /// <summary>How many bytes the connection has taken from this end.</summary>
    public long Sent { get; private set; }

    /// <summary>How many bytes were given to <see cref="Send(ReadOnlySpan{byte})"/> and wait for room in the connection.</summary>
    public int Unsent => _unsent.WrittenCount - _unsentBegin;

    /// <summary>How many bytes were received by this end.</summary>
    public long Received { get; private set; }

    /// <summary>How many bytes have arrived and were not received yet.</summary>
    public int Available => Incoming.Count;

    /// <summary>How many bytes the other end has taken and not sent yet: they are late (<see cref="InMemoryOptions.SendsLate"/>).</summary>
    public int Late => (Other as InMemoryConnection)?.Kept ?? 0;

    /// <summary>Whether the other end has ended its direction cleanly and all its bytes were received.</summary>
    public bool Ended => !IsReset && Incoming.Ended && Incoming.Count == 0;

    /// <summary>Whether the other end has ended its direction cleanly, be there bytes before that or not that were not received yet.</summary>
    public bool HasEnd => !IsReset && Incoming.Ended;

    /// <summary>Whether the other end has reset the connection. Bytes that were not received before that are gone.</summary>
    public bool Reset => IsReset;

    /// <summary>Why the other end aborted, where it said so.</summary>
    public string? ResetReason => IsReset ? (Other as InMemoryConnection)?.AbortReason : null;

    /// <summary>
    /// Called while the loops are cranked, in between their turns, after something has changed for this end: bytes, an end or a reset arrived, or there is
    /// room for more. It may do with this end what it likes.
    /// </summary>
    public Action<InMemoryPeer>? Changed
    {
        get;
        set
        {
            field = value;
            Queue();
        }
    }

    /// <summary>Sends bytes; what the connection has no room for waits here and goes when it has.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <exception cref="InvalidOperationException">Sending was ended before.</exception>
    public void Send(ReadOnlySpan<byte> bytes)
    {
        if (_ending || _closing) throw new InvalidOperationException("Sending was ended on this side.");
        if (IsClosed || IsReset) return;
        _unsent.Write(bytes);
        Pump();
    }

    /// <summary>Sends text, each character as one byte (Latin-1).</summary>
    /// <param name="text">The text, with <c>\r\n</c> where the protocol wants it.</param>
    public void Send(string text) => Send(Encoding.Latin1.GetBytes(text));

    /// <summary>Receives what has arrived.</summary>
    /// <param name="most">The most bytes wanted.</param>
    /// <returns>The bytes; none if nothing has arrived.</returns>
    public byte[] Receive(int most = int.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(most);
        if (IsClosed || IsReset) return [];
        var bytes = new byte[Math.Min(Incoming.Count, most)];
        Receive(bytes);
        return bytes;
    }

    /// <summary>Receives what has arrived, as far as there is room for it.</summary>
    /// <param name="into">Where to.</param>
    /// <returns>How many bytes; 0 if nothing has arrived.</returns>
    public int Receive(Span<byte> into)
    {
        if (IsClosed || IsReset) return 0;
        var count = Take(into);
        Received += count;
        return count;
    }

    /// <summary>Receives what has arrived, as text.</summary>
    /// <returns>One character for each byte (Latin-1).</returns>
    public string ReceiveText() => Encoding.Latin1.GetString(Receive());

    /// <summary>Turns the loops and receives until nothing more comes.</summary>
    /// <returns>One character for each byte (Latin-1).</returns>
    public string ReceiveAll()
    {
        var text = new StringBuilder();
        for (;;)
        {
            _loops.RunUntilIdle();
            var more = ReceiveText();
            if (more.Length == 0) return text.ToString();           // also of an end that is closed, whatever lies there
            text.Append(more);
        }
    }

    /// <summary>Ends this direction behind what was sent; receiving goes on.</summary>
    public void EndSending()
    {
        if (IsClosed || IsReset) return;
        _ending = true;
        Pump();
    }

    /// <summary>Closes both directions behind what was sent. As with TCP, what the other end sends after that comes back to it as a reset.</summary>
    public void Close()
    {
        if (IsClosed) return;
        _closing = true;
        Pump();
        if (IsReset) IsClosed = true;
    }

    /// <summary>Resets the connection; what the other end has not received is gone.</summary>
    public void Abort()
    {
        if (IsClosed) return;
        IsClosed = true;
        _unsent.Clear();
        _unsentBegin = 0;
        Break(Other);
    }

    internal override void OnIncoming() => Queue();

    internal override void OnRoom()
    {
        Pump();
        Queue();
    }

    internal override void OnReset()
    {
        _unsent.Clear();
        _unsentBegin = 0;
        IsClosed |= _closing;
        Queue();
    }

    internal void Tell()
    {
        _queued = false;
        if (!IsClosed) Changed?.Invoke(this);
    }

    private void Pump()
    {
        if (IsClosed || IsReset) return;
        if (Unsent > 0)
        {
            var taken = Put(_unsent.WrittenSpan[_unsentBegin..]);
            if (IsReset) return;
            Sent += taken;
            _unsentBegin += taken;
        }
        if (Unsent > 0) return;
        _unsent.ResetWrittenCount();
        _unsentBegin = 0;
        if (_ending || _closing) End();
        IsClosed |= _closing;
    }

    private void Queue()
    {
        if (Changed is null || _queued) return;
        _queued = true;
        _loops.AddOutside(this);
    }
}
