using System.Diagnostics;

namespace Cmi.Sockets.Linux;

/// <summary>
/// The calls of one turn of a loop that go to the kernel together. What became receivable is received before the first owner is told of it; what owners send
/// and close is kept until the turn ends, or until there is enough of it.
/// <para>
/// Bounds: <see cref="MaxReceives"/> connections a turn are received from, <see cref="ReceiveBytes"/> of each; <see cref="MaxSends"/> sends of
/// <see cref="MaxSendBytes"/> are kept, and <see cref="MaxCloses"/> closes. What is more is called for one by one. Threading: the loop.
/// </para>
/// </summary>
internal sealed class CallBatch : IDisposable
{
    /// <summary>How much is received from one connection. One that has more has large content, and is better received from where it is wanted.</summary>
    public const int ReceiveBytes = 4096;

    /// <summary>The most that one send may have.</summary>
    public const int MaxSendBytes = 8192;

    /// <summary>The most connections that are received from in one turn.</summary>
    public const int MaxReceives = Ring.Capacity;

    /// <summary>So many sends are enough: from here on a call costs little less if there are more, and peers wait.</summary>
    public const int MaxSends = 32;

    private const int MaxCloses = 64;

    private readonly Ring _ring;
    private readonly byte[] _received = GC.AllocateUninitializedArray<byte>(MaxReceives * ReceiveBytes, pinned: true);
    private readonly byte[] _sending = GC.AllocateUninitializedArray<byte>(MaxSends * MaxSendBytes, pinned: true);
    private readonly EpollConnection?[] _receivers = new EpollConnection?[MaxReceives];
    private readonly int[] _receivedBytes = new int[MaxReceives];
    private readonly KeptSend[] _sends = new KeptSend[MaxSends];
    private readonly int[] _closes = new int[MaxCloses];
    private int _receiverCount, _sendCount, _sendBytes, _closeCount;

    private CallBatch(Ring ring) => _ring = ring;

    /// <summary>Makes one where the system allows it.</summary>
    public static CallBatch? TryCreate() => Ring.TryOpen() is { } ring ? new(ring) : null;

    /// <summary>Receives from all whose events say no more than that there is something.</summary>
    /// <param name="set">Where the events are.</param>
    /// <param name="events">How many.</param>
    public void Receive(EpollSet set, int events)
    {
        Debug.Assert(_receiverCount == 0);
        if (events < 2) return;
        for (var index = 0; index < events && _receiverCount < MaxReceives; index++)
        {
            if (set.Target(index, out var what) is EpollConnection connection && connection.MayReceiveEarly(what)) _receivers[_receiverCount++] = connection;
        }
        if (_receiverCount < 2)
        {
            (_receivers[0], _receiverCount) = (null, 0);            // alone, a call of its own costs no more
            return;
        }
        for (var place = 0; place < _receiverCount; place++) _ring.Receive(_receivers[place]!.Descriptor, _received, place * ReceiveBytes, ReceiveBytes);
        _ring.Run();
        for (var place = 0; place < _receiverCount; place++)
        {
            _receivedBytes[place] = _ring.Outcomes[place];
            _receivers[place]!.ReceivedEarly(place);
        }
    }

    /// <summary>What was received at a place; below 0: the error, negated.</summary>
    public int OutcomeAt(int place) => _receivedBytes[place];

    /// <summary>The bytes that were received at a place.</summary>
    public ReadOnlySpan<byte> BytesAt(int place) => _received.AsSpan(place * ReceiveBytes, _receivedBytes[place]);

    /// <summary>Keeps bytes to be sent; those that are kept for the same connection are sent before.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="head">The first bytes.</param>
    /// <param name="content">The bytes after them.</param>
    /// <param name="endFollows">Whether the connection is ended before the turn is.</param>
    /// <returns><see langword="false"/>: they are too many, or the connection takes no more.</returns>
    public bool TryKeep(EpollConnection connection, ReadOnlySpan<byte> head, ReadOnlySpan<byte> content, bool endFollows)
    {
        var bytes = (long)head.Length + content.Length;
        if (bytes > MaxSendBytes) return false;
        if (connection.HasKept || _sendCount == MaxSends) SendKept();
        if ((connection.Ready & Readiness.Sendable) == Readiness.None) return false;
        _sends[_sendCount++] = new() { Connection = connection, Start = _sendBytes, Bytes = (int)bytes, EndFollows = endFollows };
        head.CopyTo(_sending.AsSpan(_sendBytes));
        content.CopyTo(_sending.AsSpan(_sendBytes + head.Length));
        _sendBytes += (int)bytes;
        return true;
    }

    /// <summary>Drops what is kept for a connection.</summary>
    public void Drop(EpollConnection connection)
    {
        foreach (ref var send in _sends.AsSpan(0, _sendCount))
        {
            if (send.Connection == connection) send.Connection = null;
        }
    }

    /// <summary>Closes a descriptor as the turn ends.</summary>
    public void Close(int descriptor)
    {
        if (_closeCount < MaxCloses) _closes[_closeCount++] = descriptor;
        else Libc.Close(descriptor);
    }

    /// <summary>Sends all that is kept.</summary>
    public void SendKept()
    {
        var sends = _sends.AsSpan(0, _sendCount);
        if (sends.Length > 1)
        {
            foreach (ref var send in sends)
            {
                if (send.Connection is { } connection) _ring.Send(connection.Descriptor, _sending, send.Start, send.Bytes, send.EndFollows);
            }
            _ring.Run();
        }
        (_sendCount, _sendBytes) = (0, 0);                          // what follows keeps nothing
        var place = 0;
        foreach (ref var send in sends)
        {
            if (send.Connection is not { } connection) continue;
            send.Connection = null;
            var bytes = _sending.AsSpan(send.Start, send.Bytes);
            connection.KeptWasSent(bytes, sends.Length > 1 ? _ring.Outcomes[place++] : Libc.Send(connection.Descriptor, bytes, send.EndFollows));
        }
    }

    /// <summary>Ends the turn: nothing is kept, and what was received and not taken is its connection's own.</summary>
    public void EndTurn()
    {
        for (var place = 0; place < _receiverCount; place++)
        {
            _receivers[place]!.KeepReceived(place);
            _receivers[place] = null;
        }
        _receiverCount = 0;
        if (_sendCount > 0) SendKept();
        if (_closeCount > 0) CloseAll();
    }

    /// <summary>Closes what waits for that: before descriptors, or a server's connections, are counted.</summary>
    public void CloseAll()
    {
        var closes = _closes.AsSpan(0, _closeCount);
        _closeCount = 0;
        if (closes.Length == 1)
        {
            Libc.Close(closes[0]);
            return;
        }
        foreach (var descriptor in closes) _ring.Close(descriptor);
        _ring.Run();
    }

    public void Dispose() => _ring.Dispose();

    private struct KeptSend
    {
        public EpollConnection? Connection;
        public int Start, Bytes;
        public bool EndFollows;
    }
}
