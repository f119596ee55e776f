using Cmi.Forwarding;
using Cmi.Http1;
using Cmi.Messages;

namespace Cmi.Engine;

// What becomes of an exchange whose server switches protocols (RFC 9110 §7.8).
internal sealed partial class Exchange
{
    private Tunnel? _tunnel;

    /// <summary>Whether the server has switched protocols.</summary>
    public bool IsTunnel => _phase == Phase.Tunnel;

    /// <summary>When a tunnel through which nothing passes ends, in milliseconds of the loop.</summary>
    public long TunnelEnds { get; private set; }

    /// <summary>Begins to pass bytes, when the 101 has been taken.</summary>
    /// <param name="client">The client's connection.</param>
    /// <param name="early">What the client has sent already.</param>
    public void StartTunnel(IConnection client, ReadOnlySpan<byte> early)
    {
        _tunnel = new(_state.Memory, client, _current.Lease.Connection);
        _state.Counters.Tunnels++;
        _tunnel.Begin(early, _current.Received.Bytes);
        _current.Received.Clear(_state.Memory);
        TunnelEnds = _state.Loop.Now + Settings.Tunnel;
    }

    /// <summary>Passes what can be passed without waiting.</summary>
    /// <returns>Whether it goes on: no connection broke, and not both have ended.</returns>
    public bool RunTunnel()
    {
        IsWoken = false;
        var whole = _tunnel!.Run(out var moved);
        if (moved) TunnelEnds = _state.Loop.Now + Settings.Tunnel;
        return whole && !_tunnel.IsOver;
    }

    /// <summary>Whether more is there than one turn may pass.</summary>
    public bool TunnelHasMore => _tunnel is { HasMore: true };

    /// <summary>Whether both ends have ended cleanly.</summary>
    public bool IsTunnelOver => _tunnel is { IsOver: true };

    // The parsed request is long gone; its bytes as they went to the server are not.
    private bool IsUpgradeAnswered(ResponseHead response)
    {
        if (!IsUpgrade) return false;
        var scanned = 0;
        var request = new RequestHead();
        var limits = new HeadLimits(int.MaxValue, int.MaxValue, int.MaxValue);
        return RequestReader.Read(RequestHead.Written.ToArray(), ref scanned, limits, request, out _, out _) == ReadStatus.Done && UpgradeField.IsAnswered(response, request);
    }

    /// <summary>The server has switched: its 101 waits for its turn, what came behind it for the tunnel. There is no other attempt from here on.</summary>
    private void SwitchProtocols(ResponseHead head, ReadOnlySpan<byte> behind)
    {
        ResponseHeadWriter.WriteHead(ReplyHead, head, date: default);
        ResponseHeadWriter.WriteUpgrade(ReplyHead, head);
        ReplyHead.AppendLineEnd();
        _current.Received.Set(_state.Memory, behind);
        Reply.SetWhole(default);
        Route.Group!.Health.Succeeded(_current.Grant.Server, _state.Index, _current.StartedAt, _state.Loop.Now);
        _phase = Phase.Tunnel;
    }

    private void EndTunnel()
    {
        if (_tunnel is not { } tunnel) return;
        _tunnel = null;
        tunnel.End();
        if (tunnel.IsOver) _current.Lease.Close();
        else _current.Lease.Close("the tunnel broke");
        _current.Lease = default;
        EndAttempt(101);
        _state.Counters.Tunnels--;
        if (!_current.IsGranted) return;
        _current.IsGranted = false;
        CompleteGrant(GrantOutcome.Done);
    }
}
