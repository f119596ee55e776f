namespace Cmi.Engine;

// After a 101: the connection carries another protocol until it ends.
internal sealed partial class ClientSession
{
    private void StartTunnel(Exchange exchange)
    {
        _noMoreRequests = true;
        exchange.StartTunnel(_connection, _received.Bytes);
        _received.Clear(_state.Memory);
        _stage = Stage.Tunnel;
        Flush();                                                    // the 101, before the first byte behind it
    }

    private void RunTunnel()
    {
        var exchange = _front!;
        if (_sendQueue.IsBlocked && !Flush() && _stage == Stage.Ended) return;
        var goesOn = _sendQueue.IsBlocked || exchange.RunTunnel();
        if (goesOn)
        {
            if (exchange.TunnelHasMore) Wake();
            if (_state.Loop.Now >= exchange.TunnelEnds) Cut("nothing passed through the tunnel for too long");
        }
        else if (exchange.IsTunnelOver)
        {
            _connection.Close();
            End();
        }
        else
        {
            Cut("a connection of the tunnel broke");
        }
    }
}
