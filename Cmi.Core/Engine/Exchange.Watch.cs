using Cmi.Messages;
using Cmi.Telemetry;

namespace Cmi.Engine;

// What is counted of every exchange, and what is noted while somebody watches.
internal sealed partial class Exchange
{
    private ExchangeWatch? _watch, _spareWatch;                     // the first is null while nobody watches
    private bool _hasLeft;                                          // the whole reply was handed to the client's connection

    private void BeginWatch(RequestHead? head)
    {
        _state.Counters.Begun[(int)Method]++;
        _state.Counters.Active[(int)Method]++;
        _hasLeft = false;
        if (!_state.IsWatched) return;
        _watch = _spareWatch ??= new(_state.Engine.Telemetry, _state.Loop.Time);
        _watch.Begin(Method, TimeSpan.FromMilliseconds(_session.HeadWait));
        if (head is not null) _watch.HeadRead(head, _session.Peer.Address);
    }

    private void BeginAttempt(ServerCounters server)
    {
        _current.Server = server;
        server.Attempts++;
        server.Active++;
        _watch?.AttemptBegins(server.Labels, isHedge: _isHedged);
    }

    /// <summary>The server is free again, whatever came of it.</summary>
    /// <param name="status">The status code of its reply; 0: there is none.</param>
    /// <param name="error">Why the attempt is an error; <see langword="null"/>: it is none.</param>
    /// <param name="reason">The same in words.</param>
    private void EndAttempt(int status, string? error = null, string? reason = null)
    {
        if (_current.Server is not { } server) return;
        _current.Server = null;
        server.Active--;
        _watch?.AttemptEnds(status, error, reason);
    }

    private void EndWatch(string why)
    {
        _state.Counters.Active[(int)Method]--;
        if (_watch is not { } watch) return;
        _watch = null;
        watch.RequestBytes = Math.Max(watch.RequestBytes, Request.Length);
        var end = !_hasLeft ? _replyLeaves ? ExchangeEnd.Cut : ExchangeEnd.NoReply
            : IsTunnel ? ExchangeEnd.Tunnel
            : _own != 0 ? ExchangeEnd.Own : ExchangeEnd.Whole;
        watch.End(new()
        {
            Id = Id, End = end, Reason = _own != 0 ? _ownText : why, Status = _own != 0 ? _own : IsTunnel ? 101 : _status,
            ClientMinorVersion = ClientMinorVersion, ReplyBytes = _replyLeaves ? _own != 0 ? OwnContentBytes : _leaving.ContentSent : 0,
            Client = _session.Peer.Address, RequestHead = RequestHead.Written,
        });
    }

    private int OwnContentBytes => ReplyHead.Length - (ReplyHead.Written.IndexOf("\r\n\r\n"u8) + 4);
}
