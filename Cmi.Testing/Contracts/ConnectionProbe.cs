namespace Cmi.Testing.Contracts;

/// <summary>
/// The owner of one connection in the contract: it sends and receives a known pattern of bytes, writes down what it was told, and watches that it is told
/// so as the interface says.
/// </summary>
/// <remarks>Threading: the connection's loop, except <see cref="Until"/>, which is called on the loop and awaited anywhere.</remarks>
internal sealed class ConnectionProbe : IConnectionOwner
{
    // Repeats after a prime number of bytes, so that no buffer's size can hide a byte that is out of place.
    private const int Period = 100_003;
    private const int MaxReceive = 16 * 1024;
    private static readonly byte[] Pattern = [.. Enumerable.Range(0, Period + MaxReceive).Select(i => i % Period).Select(i => (byte)((i * 31) ^ (i >> 8)))];

    private readonly byte[] _scratch = new byte[MaxReceive];
    private readonly List<(Func<ConnectionProbe, bool> Condition, TaskCompletionSource Done)> _waits = [];
    private bool _inside;
    private bool _toEnd;
    private int _sends;
    private bool _heard = true;

    public ConnectionProbe(IConnection connection)
    {
        Connection = connection;
        Check(connection.Loop.IsCurrent, "a connection was handed out off its loop");
        Check((connection.Ready & Readiness.Failed) == Readiness.None, "a new connection is broken");
    }

    public IConnection Connection { get; }

    /// <summary>Whether it receives; a slow reader does not.</summary>
    public bool Reading { get; set; } = true;

    /// <summary>Whether it sends back what it receives.</summary>
    public bool Echoing { get; init; }

    public long ToSend { get; private set; }
    public long Sent { get; private set; }
    public long Received { get; private set; }
    public int Blocked { get; private set; }
    public int ToldSendable { get; private set; }
    public int Told { get; private set; }
    public bool Ended { get; private set; }
    public bool Failed { get; private set; }

    /// <summary>What went against the contract.</summary>
    public List<string> Faults { get; } = [];

    public ConnectionProbe Start()
    {
        Own(this);
        return this;
    }

    /// <summary>Hands the connection to an owner; the one before must not be told any more.</summary>
    public void Own(ConnectionProbe owner)
    {
        if (owner != this) _heard = false;
        Guard(() => Connection.SetOwner(owner));
    }

    public void Send(long count, bool thenEnd = false)
    {
        ToSend += count;
        _toEnd |= thenEnd;
        Pump();
    }

    public void SendUntilBlocked(long atMost)
    {
        while (Blocked == 0 && ToSend < atMost && !Failed) Send(64 * 1024);
    }

    public void Read()
    {
        Reading = true;
        Pump();
    }

    public void EndSending() => Guard(Connection.EndSending);

    public void Close()
    {
        _heard = false;
        Guard(Connection.Close);
    }

    public void Abort()
    {
        _heard = false;
        Guard(() => Connection.Abort("the contract asks for it"));
    }

    /// <summary>Completes when a condition holds, which is looked at whenever something happened.</summary>
    public Task Until(Func<ConnectionProbe, bool> condition)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _waits.Add((condition, done));
        CompleteWaits();
        return done.Task;
    }

    public void OnReady(IConnection connection)
    {
        Told++;
        Check(ReferenceEquals(connection, Connection), "told of another connection");
        Check(connection.Loop.IsCurrent, "told off the loop");
        Check(!_inside, "told from inside a call to the connection");
        Check(_heard, "told after it had closed or handed over the connection");
        Check(connection.Ready != Readiness.None, "told though nothing is ready");
        if (Blocked > 0 && (connection.Ready & Readiness.Sendable) != Readiness.None) ToldSendable++;
        if (_heard) Pump();
    }

    private void Pump()
    {
        TryAllReceives();
        TryAllSends();
        if ((Connection.Ready & Readiness.Failed) != Readiness.None) Failed = true;
        CompleteWaits();
    }

    private void TryAllReceives()
    {
        while (Reading && !Ended && !Failed)
        {
            var (status, received) = (IoStatus.Done, 0);
            Guard(() => status = Connection.TryReceive(_scratch, out received));
            Check((status == IoStatus.Done) == (received > 0), $"{status} with {received} bytes");
            Check(_scratch.AsSpan(0, received).SequenceEqual(PatternFrom(Received, received)), $"wrong bytes after {Received}");
            Received += received;
            if (Echoing) ToSend += received;
            switch (status)
            {
                case IoStatus.WouldBlock:
                    Check((Connection.Ready & Readiness.Receivable) == Readiness.None, "receivable, yet it would block");
                    return;
                case IoStatus.End:
                    Ended = true;
                    _toEnd |= Echoing;
                    Guard(() => Check(Connection.TryReceive(_scratch, out _) == IoStatus.End, "an end that does not last"));
                    return;
                case IoStatus.Failed:
                    Failed = true;
                    return;
            }
        }
    }

    private void TryAllSends()
    {
        while (Sent < ToSend && !Failed)
        {
            // In two pieces of odd sizes, as a head and its content are.
            var count = (int)Math.Min(ToSend - Sent, 5_003);
            var head = Math.Min(count, 107);
            var (status, sent) = (IoStatus.Done, 0);
            var isLast = _toEnd && count == ToSend - Sent;
            Guard(() => status = isLast
                ? Connection.TrySendLast(PatternFrom(Sent, head), PatternFrom(Sent + head, count - head), out sent)
                : _sends++ % 3 == 1
                    ? Connection.TrySend(PatternFrom(Sent, head), PatternFrom(Sent + head, count - head), out sent)
                    : Connection.TrySendSoon(PatternFrom(Sent, head), PatternFrom(Sent + head, count - head), out sent));
            Check(sent >= 0 && sent <= count && (status == IoStatus.Done) == (sent > 0), $"{status} with {sent} of {count} bytes");
            Sent += sent;
            if (status == IoStatus.Done) continue;
            Check(status != IoStatus.End, "sending gave an end");
            if (status == IoStatus.Failed) Failed = true;
            if (status != IoStatus.WouldBlock) return;
            Blocked++;
            Check((Connection.Ready & Readiness.Sendable) == Readiness.None, "sendable, yet it would block");
            return;
        }
        if (!_toEnd || Sent < ToSend || Failed) return;
        _toEnd = false;
        EndSending();
    }

    private static ReadOnlySpan<byte> PatternFrom(long position, int count) => Pattern.AsSpan((int)(position % Period), count);

    private void CompleteWaits()
    {
        for (var i = _waits.Count - 1; i >= 0; i--)
        {
            if (!_waits[i].Condition(this)) continue;
            _waits[i].Done.TrySetResult();
            _waits.RemoveAt(i);
        }
    }

    private void Guard(Action call)
    {
        _inside = true;
        call();
        _inside = false;
    }

    private void Check(bool holds, string fault)
    {
        if (!holds && Faults.Count < 10) Faults.Add(fault);
    }
}
