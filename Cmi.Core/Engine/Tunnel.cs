using Cmi.Loops;

namespace Cmi.Engine;

/// <summary>
/// Bytes between a client and a server that have switched protocols (RFC 9110 §7.8), both ways, as they come; the end of one direction is carried across
/// while the other goes on. Bound: what one receive brought and the other side has not taken, at most 16 KiB each way.
/// <para>Threading: the loop that both connections belong to.</para>
/// </summary>
internal sealed class Tunnel(LoopMemory memory, IConnection client, IConnection server)
{
    private const int ReceiveBytes = 16 * 1024;
    private const int TurnReceives = 16;

    private Direction _toServer, _toClient;

    private struct Direction
    {
        public LoopMemory.Held Held;
        public bool FromEnded, ToEnded;
    }

    /// <summary>Whether both directions have ended cleanly and all bytes were taken.</summary>
    public bool IsOver => _toServer.ToEnded && _toClient.ToEnded;

    /// <summary>Whether more is there than one turn may move.</summary>
    public bool HasMore { get; private set; }

    /// <summary>Takes over bytes that were received before the tunnel began.</summary>
    public void Begin(ReadOnlySpan<byte> fromClient, ReadOnlySpan<byte> fromServer)
    {
        _toServer.Held.Set(memory, fromClient);
        _toClient.Held.Set(memory, fromServer);
    }

    /// <summary>Moves what can be moved without waiting.</summary>
    /// <param name="moved">Whether a byte or an end was moved.</param>
    /// <returns>Whether both connections are whole.</returns>
    public bool Run(out bool moved)
    {
        moved = HasMore = false;
        if (client.IsReady(Readiness.Failed) || server.IsReady(Readiness.Failed)) return false;
        return Move(ref _toServer, client, server, ref moved) && Move(ref _toClient, server, client, ref moved);
    }

    /// <summary>Gives back the memory.</summary>
    public void End()
    {
        _toServer.Held.Clear(memory);
        _toClient.Held.Clear(memory);
    }

    private bool Move(ref Direction direction, IConnection from, IConnection to, ref bool moved)
    {
        for (var receives = 0; ;)
        {
            while (!direction.Held.IsEmpty)
            {
                var sending = to.TrySend(direction.Held.Bytes, default, out var sent);
                if (sending != IoStatus.Done) return sending == IoStatus.WouldBlock;
                direction.Held.Skip(memory, sent);
                moved = true;
            }
            if (direction.FromEnded)
            {
                if (direction.ToEnded) return true;
                to.EndSending();
                direction.ToEnded = moved = true;
                return true;
            }
            if (!from.HasInput) return true;
            if (receives++ == TurnReceives)
            {
                HasMore = true;
                return true;
            }
            switch (from.TryReceive(memory.Scratch.AsSpan(0, ReceiveBytes), out var received))
            {
                case IoStatus.Done:
                    direction.Held.Set(memory, memory.Scratch.AsSpan(0, received));
                    moved = true;
                    break;
                case IoStatus.End:
                    direction.FromEnded = true;
                    break;
                case IoStatus.Failed:
                    return false;
                default:
                    return true;
            }
        }
    }
}
