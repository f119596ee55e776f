using System.Globalization;
using System.Text;
using Cmi.Http1;
using Cmi.Messages;

namespace Cmi.Benchmarks.Compare;

/// <summary>One client: asks, reads the replies in order, asks again. <para>Threading: the loop of the load.</para></summary>
internal sealed class LoadClient : IConnectionOwner
{
    private const int IdDigits = 8;
    private static readonly HeadLimits Limits = new(MaxBytes: 16 * 1024, MaxLineBytes: 8 * 1024, MaxFields: 100);
    private static readonly byte[] Scratch = new byte[256 * 1024];

    private readonly Load _load;
    private readonly ResponseHead _head = new();
    private readonly byte[] _batch;
    private readonly byte[] _id = new byte[IdDigits];
    private byte[] _held = [];                                      // an incomplete head
    private int _scanned;
    private ContentDecoder _decoder;
    private bool _inContent, _keeps;
    private long _contentBytes;
    private int _sent, _replied, _repliesInAll;
    private long _askedAt;
    private readonly long _expectedBytes;

    public LoadClient(Load load)
    {
        _load = load;
        var (path, query) = load.Plan.Path.Split('?') is [var before, var after] ? (before, after + "&") : (load.Plan.Path, "");
        var close = load.Plan.NewConnections ? "Connection: close\r\n" : "";
        _batch = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, load.Plan.Batch)
            .Select(id => string.Create(CultureInfo.InvariantCulture, $"GET {path}?{query}id={id} HTTP/1.1\r\nHost: bench.example\r\n{close}\r\n"))));
        _expectedBytes = long.Parse(path.Split('/')[2], CultureInfo.InvariantCulture);
    }

    public void Begin(IConnection connection)
    {
        _held = [];
        (_scanned, _inContent) = (0, false);
        Ask(connection);
        connection.SetOwner(this);
    }

    public void OnReady(IConnection connection)
    {
        if (_load.IsOver)
        {
            connection.Close();
            return;
        }
        if (_sent < _batch.Length && !Send(connection)) return;
        for (; ; )
        {
            _held.CopyTo(Scratch, 0);
            var io = connection.TryReceive(Scratch.AsSpan(_held.Length), out var received);
            if (io == IoStatus.WouldBlock) return;
            if (io != IoStatus.Done)
            {
                if (io == IoStatus.End && _inContent && _decoder.Framing.Kind == FramingKind.UntilClose) ReplyIsOver(connection);
                Again(connection, broken: _inContent || (_replied > 0 && _replied < _load.Plan.Batch));
                return;
            }
            if (!Read(connection, Scratch.AsMemory(0, _held.Length + received))) return;
        }
    }

    /// <summary>Takes in bytes.</summary>
    /// <returns>Whether to go on with this connection.</returns>
    private bool Read(IConnection connection, Memory<byte> input)
    {
        _held = [];
        while (!input.IsEmpty || (_inContent && _decoder.Remaining == 0))
        {
            if (!_inContent)
            {
                var status = ResponseReader.Read(input, ref _scanned, Limits, _head, out var consumed, out var error);
                if (status == ReadStatus.NeedMore)
                {
                    _held = input.ToArray();
                    return true;
                }
                if (status == ReadStatus.Invalid || _head.Status != 200 || !MessageFraming.TryOfResponse(_head, Method.Get, out var framing, out error))
                {
                    _load.Failed(status == ReadStatus.Invalid ? error.Explanation : $"status {_head.Status}");
                    Again(connection, broken: false);
                    return false;
                }
                (_decoder, _inContent, _contentBytes, _keeps) = (new(framing), true, 0, MessageFraming.IsPersistent(_head, framing));
                input = input[consumed..];
                continue;
            }
            var decoded = _decoder.Decode(input.Span, out var used, out var at, out var count);
            var content = input.Span.Slice(at, count);
            if (_contentBytes < IdDigits) content[..(int)Math.Min(count, IdDigits - _contentBytes)].CopyTo(_id.AsSpan((int)_contentBytes));
            _contentBytes += count;
            input = input[used..];
            if (decoded == DecodeStatus.Invalid)
            {
                _load.Failed(_decoder.Error.Explanation);
                Again(connection, broken: false);
                return false;
            }
            if (decoded != DecodeStatus.End) continue;
            ReplyIsOver(connection);
            if (_replied < _load.Plan.Batch) continue;
            if (_repliesInAll >= _load.Plan.Replies && _load.Plan.Seconds == 0)
            {
                connection.Close();
                _load.LeftForGood();
                return false;
            }
            if (!_keeps)
            {
                Again(connection, broken: false);
                return false;
            }
            Ask(connection);
        }
        return true;
    }

    private void ReplyIsOver(IConnection connection)
    {
        _inContent = false;
        if (_contentBytes < _expectedBytes || !int.TryParse(_id, NumberStyles.None, CultureInfo.InvariantCulture, out var id) || id != _replied)
            _load.Failed($"reply {_replied} has {_contentBytes} bytes and the id {Encoding.ASCII.GetString(_id)}");
        _replied++;
        _repliesInAll++;
        // Of a batch the time until its last reply is what its client feels.
        var elapsed = connection.Loop.Time.GetElapsedTime(_askedAt).TotalMicroseconds;
        _load.Replied(_contentBytes, _replied == _load.Plan.Batch ? elapsed : null);
    }

    private void Again(IConnection connection, bool broken)
    {
        connection.Close();
        if (_load.IsOver) return;
        if (broken) _load.Failed("the connection broke");
        if (!_load.Plan.NewConnections) _load.Reconnected();
        _load.Connect(this);
    }

    private void Ask(IConnection connection)
    {
        (_sent, _replied) = (0, 0);
        _askedAt = connection.Loop.Time.GetTimestamp();
        Send(connection);
    }

    private bool Send(IConnection connection)
    {
        while (_sent < _batch.Length)
        {
            if (connection.TrySend(_batch.AsSpan(_sent), default, out var sent) != IoStatus.Done) return false;
            _sent += sent;
        }
        return true;
    }
}
