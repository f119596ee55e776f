using Cmi.Testing;

namespace Cmi.Tests.Harness;

/// <summary>A transport that allocates nothing while it runs: one client and one server, both without bytes of their own but the two messages they repeat.</summary>
internal sealed class StubConnections(byte[] request, byte[] reply) : IConnectionManager
{
    private readonly ManualLoop _loop = new();
    private Action<IConnection> _accepted = null!;
    private long _lastId;

    public ManualLoop Loop => _loop;

    public IReadOnlyList<ILoop> Loops => [_loop];

    /// <summary>How many connections to the server were made.</summary>
    public int Dialled { get; private set; }

    /// <summary>The last connection to the server.</summary>
    public StubConnection? Server { get; private set; }

    /// <summary>Connects the client.</summary>
    public StubConnection Connect()
    {
        var client = new StubConnection(_loop, ++_lastId, request, answers: false);
        _loop.Run(() => _accepted(client));
        return client;
    }

    public ValueTask<IListener> ListenAsync(ListenAddress at, Action<IConnection> accepted, CancellationToken cancellationToken)
    {
        _accepted = accepted;
        return new(new Listener(at));
    }

    public ValueTask<IConnection> ConnectAsync(ServerAddress server, ILoop loop, CancellationToken cancellationToken)
    {
        Dialled++;
        return new(Server = new StubConnection(_loop, ++_lastId, reply, answers: true));
    }

    public ValueTask DisposeAsync() => default;

    private sealed class Listener(ListenAddress at) : IListener
    {
        public ListenAddress Address => at;

        public void Pause()
        {
        }

        public void Resume()
        {
        }

        public ValueTask DisposeAsync() => default;
    }
}

/// <summary>A connection whose peer sends the same message again and again: when told to, or in answer to whatever is sent.</summary>
internal sealed class StubConnection(ManualLoop loop, long id, byte[] message, bool answers) : IConnection
{
    private IConnectionOwner _owner = null!;
    private bool _hasMessage;

    public long Id => id;
    public PeerAddress? Peer => null;
    public ILoop Loop => loop;
    public Readiness Ready => _hasMessage ? Readiness.Sendable | Readiness.Receivable : Readiness.Sendable;

    /// <summary>Bytes that were sent to the peer.</summary>
    public long Sent { get; private set; }

    /// <summary>Whether it was told that the end follows what it sent.</summary>
    public bool HasSentLast { get; private set; }

    /// <summary>Whether it was told that what it sent may wait for the end of the turn.</summary>
    public bool HasSentSoon { get; private set; }

    public bool IsClosed { get; private set; }

    /// <summary>Has the peer send its message, and lets everything follow that follows from it.</summary>
    public void Say()
    {
        Arrive();
        loop.RunUntilIdle();
    }

    public void SetOwner(IConnectionOwner owner) => _owner = owner;

    public IoStatus TryReceive(Span<byte> into, out int received)
    {
        received = 0;
        if (!_hasMessage) return IoStatus.WouldBlock;
        _hasMessage = false;
        message.CopyTo(into);
        received = message.Length;
        return IoStatus.Done;
    }

    public IoStatus TrySend(ReadOnlySpan<byte> head, ReadOnlySpan<byte> content, out int sent)
    {
        sent = head.Length + content.Length;
        Sent += sent;
        if (answers) Arrive();
        return IoStatus.Done;
    }

    public IoStatus TrySendSoon(ReadOnlySpan<byte> head, ReadOnlySpan<byte> content, out int sent)
    {
        HasSentSoon = true;
        return TrySend(head, content, out sent);
    }

    public IoStatus TrySendLast(ReadOnlySpan<byte> head, ReadOnlySpan<byte> content, out int sent)
    {
        HasSentLast = true;
        return TrySend(head, content, out sent);
    }

    public void EndSending()
    {
    }

    public void Close() => IsClosed = true;

    public void Abort(string reason)
    {
    }

    private void Arrive()
    {
        _hasMessage = true;
        loop.Post(static connection => ((StubConnection)connection!)._owner.OnReady((StubConnection)connection), this);
    }
}
