using Cmi.Http1;
using Cmi.Loops;
using Cmi.Servers;
using Cmi.Telemetry;

namespace Cmi.Engine;

/// <summary>
/// What belongs to one attempt at a server: what was granted, its connection, and how far the request and the head of the reply have come. It only keeps; its
/// <see cref="Exchange"/> acts, on the one that it has in hand. Reused: an answer to an earlier use is known by its generation, and given back.
/// <para>Threading: the loop of its exchange.</para>
/// </summary>
internal sealed class ServerAttempt : IDialer
{
    public Exchange.Phase Phase;                                    // while it is laid aside
    public bool IsHedge;                                            // it was begun beside another

    public JobGrant Grant;
    public bool IsGranted;
    public ServerLease Lease;
    public bool IsReused;
    public CancellationTokenSource? Cancel;                         // made only when a plug-in does not answer at once
    public int Generation;
    public long StartedAt;                                          // when it began to ask its server
    public long Deadline;                                           // of its phase
    public bool IsDialling;                                         // the server is dialled, not only a place among its connections awaited
    public ServerCounters? Server;                                  // null: it has ended

    public MessageSender Sender;
    public SendQueue SendQueue;
    public long SentBytes;
    public bool IsRequestSent, HasSendFailed;
    public HeadBuffer? OwnHead;                                     // the head of its request, where that is not the one of the exchange
    public bool HasOwnHead;

    public LoopMemory.Held Received;                                // an incomplete head, or content for which there was no room
    public long ReceivedBytes;
    public int Scanned, InterimCount;
    public HeadBuffer? Interims;                                    // interim responses that wait for the turn of the exchange
    public bool IsWaitPaused;                                       // not the server is late but the client or a store

    public CancellationToken Cancelled => (Cancel ??= new()).Token;

    /// <summary>When its phase has lasted too long, as far as that is bounded.</summary>
    public long Due => IsWaitPaused ? long.MaxValue : Deadline;

    void IDialer.DialBegins() => IsDialling = true;

    /// <summary>Forgets what was sent and received.</summary>
    public void Reset()
    {
        SentBytes = ReceivedBytes = 0;
        IsRequestSent = HasSendFailed = HasOwnHead = IsWaitPaused = false;
        Scanned = InterimCount = 0;
        Interims?.Reset();
    }
}
