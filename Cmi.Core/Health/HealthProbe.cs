using System.Text;
using Cmi.Http1;
using Cmi.Messages;
using Cmi.Servers;

namespace Cmi.Health;

/// <summary>
/// One look at one server: a connect, and where wanted a request whose reply must have come, all within one time limit. It has a connection of its own, which
/// counts among those to the server and is closed afterwards.
/// <code>(Waiting for a place ─▶) Dialling ─▶ (Asking ─▶) Ended</code>
/// <para>Threading: its loop. Bound: one reply head of <see cref="MaxHeadBytes"/>.</para>
/// </summary>
internal sealed class HealthProbe : IConnectionOwner, IDisposable
{
    /// <summary>The largest reply head that is a sign of health.</summary>
    public const int MaxHeadBytes = 16 * 1024;

    private readonly ILoop _loop;
    private readonly Action<bool, string> _ended;
    private readonly StatusSet? _statuses;
    private readonly byte[]? _request;
    private readonly LoopTimer _timer;
    private readonly long _timeoutMs;
    private readonly CancellationTokenSource _cancel = new();
    private readonly ResponseHead _head = new();
    private IConnection? _connection;
    private byte[]? _received;
    private int _sent, _length, _scanned;
    private ConnectionSlots? _held;                                 // the place of its connection
    private bool _isDialling, _isOver;

    /// <summary>Begins to look.</summary>
    /// <param name="loop">The loop, which is the current one.</param>
    /// <param name="request">What to ask; <see langword="null"/>: a connect is enough.</param>
    /// <param name="statuses">The status codes of a good reply; <see langword="null"/>: any.</param>
    /// <param name="timeoutMs">The time for all of it, from when it has a place.</param>
    /// <param name="ended">Called once, on the loop: whether all is well, and if not, why. Not called after <see cref="Dispose"/>.</param>
    public HealthProbe(ILoop loop, byte[]? request, StatusSet? statuses, long timeoutMs, Action<bool, string> ended)
    {
        (_loop, _request, _statuses, _timeoutMs, _ended) = (loop, request, statuses, timeoutMs, ended);
        _timer = new(static probe => ((HealthProbe)probe!).End(false, "it did not answer in time"), this);
    }

    /// <summary>A request by GET, or the ping of RFC 9110 §9.3.7 where no path is given.</summary>
    public static byte[] Request(string path, string host, ServerAddress server)
    {
        if (host.Length == 0) host = server.Kind == AddressKind.Unix ? "localhost" : server.ToString()["http://".Length..];
        return Encoding.ASCII.GetBytes($"{(path.Length == 0 ? "OPTIONS *" : "GET " + path)} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: cmi\r\nConnection: close\r\n\r\n");
    }

    /// <summary>Dials, and asks if that is wanted.</summary>
    /// <param name="connections">The transport.</param>
    /// <param name="server">Whom.</param>
    /// <param name="slotsOf">The bound on connections to it. Those who hold the places have time limits, so waiting for one has none of its own.</param>
    /// <param name="reclaim">Closes idle connections to it, where there is no place.</param>
    public async Task RunAsync(IConnectionManager connections, ServerAddress server, Func<ServerAddress, ConnectionSlots> slotsOf, Action<ServerAddress> reclaim)
    {
        try
        {
            var slots = slotsOf(server);
            await slots.AcquireAsync(() => reclaim(server), _cancel.Token);
            _held = slots;
            if (_isOver)
            {
                LetGo();
                return;
            }
            _loop.SetTimer(_timer, _loop.Now + _timeoutMs);
            _isDialling = true;
            var connection = await connections.ConnectAsync(server, _loop, _cancel.Token);
            _isDialling = false;
            if (_isOver)
            {
                connection.Close();
                LetGo();
                return;
            }
            _connection = connection;
            if (_request is null) End(true, "");
            else connection.SetOwner(this);
            if (!_isOver) Advance();
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            _isDialling = false;
            if (_isOver) LetGo();
            else End(false, e.Message);
        }
    }

    /// <summary>Gives up; nobody is told.</summary>
    public void Dispose() => Finish();

    void IConnectionOwner.OnReady(IConnection connection)
    {
        if (!_isOver) Advance();
    }

    private void Advance()
    {
        var connection = _connection!;
        while (_sent < _request!.Length)
        {
            var status = connection.TrySend(_request.AsSpan(_sent), default, out var sent);
            _sent += sent;
            if (status == IoStatus.WouldBlock) break;
            if (status == IoStatus.Done) continue;
            End(false, "the connection broke");
            return;
        }
        _received ??= new byte[MaxHeadBytes];
        while (!_isOver && connection.HasInput)
        {
            var status = connection.TryReceive(_received.AsSpan(_length), out var count);
            if (status == IoStatus.WouldBlock) return;
            _length += count;
            if (status != IoStatus.Done) End(false, "it closed the connection without a whole reply head");
            else ReadHead();
        }
    }

    private void ReadHead()
    {
        for (; ; )
        {
            var limits = new HeadLimits(MaxHeadBytes, MaxHeadBytes, MaxHeadBytes);
            switch (ResponseReader.Read(_received.AsMemory(0, _length), ref _scanned, limits, _head, out var consumed, out var error))
            {
                case ReadStatus.Done when _head.Status < 200:
                    _received.AsSpan(consumed, _length - consumed).CopyTo(_received);
                    _length -= consumed;
                    continue;
                case ReadStatus.Done:
                    End(_statuses is null || _statuses.Has(_head.Status), $"it answered {_head.Status}");
                    return;
                case ReadStatus.Invalid:
                    End(false, error.Reason);
                    return;
            }
            if (_length == _received!.Length) End(false, "its reply head is too large");
            return;
        }
    }

    private void End(bool well, string why)
    {
        if (_isOver) return;
        Finish();
        _ended(well, why);
    }

    private void Finish()
    {
        if (_isOver) return;
        _isOver = true;
        _loop.ClearTimer(_timer);
        _connection?.Close();
        if (!_isDialling) LetGo();
        _cancel.Cancel();
        _cancel.Dispose();
    }

    private void LetGo()
    {
        _held?.Release();
        _held = null;
    }
}
