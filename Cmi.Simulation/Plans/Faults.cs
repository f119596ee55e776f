namespace Cmi.Simulation.Plans;

/// <summary>What can go wrong, and whose doing it is.</summary>
internal enum Fault : byte
{
    None,

    /// <summary>A server: the dial is refused.</summary>
    Refused,

    /// <summary>A server: the dial is never answered.</summary>
    Ignored,

    /// <summary>A server: the connection is reset.</summary>
    Reset,

    /// <summary>A server: the connection is closed in both directions.</summary>
    Closed,

    /// <summary>A server: it ends its direction and goes on reading.</summary>
    HalfClosed,

    /// <summary>A server: it says nothing more, and reads nothing more.</summary>
    Silent,

    /// <summary>A server: it goes on, slowly.</summary>
    Slow,

    /// <summary>A server: bytes that are not what HTTP has at this place.</summary>
    Garbage,

    /// <summary>A server: a final reply before the request's content was read.</summary>
    EarlyReply,

    /// <summary>A server: the whole machine goes, with all its connections, and comes back later.</summary>
    Died,

    /// <summary>A client: it resets its connection.</summary>
    ClientReset,

    /// <summary>A client: it closes its connection in both directions.</summary>
    ClientClosed,

    /// <summary>A client: it says nothing more.</summary>
    ClientSilent,

    /// <summary>A client: it goes on, slowly.</summary>
    ClientSlow,

    /// <summary>The gateway: it is told to stop.</summary>
    Drained,

    /// <summary>The gateway: it is given other settings.</summary>
    Swapped,

    /// <summary>The store: it has no room.</summary>
    StoreFull,

    /// <summary>The store: it fails.</summary>
    StoreFails,

    /// <summary>The store: it takes its time.</summary>
    StoreSlow,

    /// <summary>The store: its drive takes or gives fewer bytes than it was asked for.</summary>
    StoreShort,

    /// <summary>The store: its drive gives back what was not written.</summary>
    StoreCorrupts,
}

/// <summary>Where in an exchange a fault struck.</summary>
internal enum Phase : byte
{
    /// <summary>The client sends the request's head.</summary>
    RequestHead,

    /// <summary>The client sends the request's content.</summary>
    RequestContent,

    /// <summary>The client has sent its request and waits.</summary>
    Waiting,

    /// <summary>The client receives the reply.</summary>
    InReply,

    /// <summary>A connection to a server is being made.</summary>
    Dialling,

    /// <summary>The request's head goes to the server.</summary>
    SendingHead,

    /// <summary>The request's content goes to the server.</summary>
    SendingContent,

    /// <summary>The server has the whole request, and has said nothing of its reply.</summary>
    AwaitingHead,

    /// <summary>The reply's head comes.</summary>
    InHead,

    /// <summary>The reply's content comes.</summary>
    InContent,

    /// <summary>The connection waits for its next request: a pooled one to a server, a kept one of a client.</summary>
    Idle,

    /// <summary>Content goes into the store.</summary>
    Storing,

    /// <summary>Content comes out of the store.</summary>
    ReadingBack,
}

/// <summary>What became of a request.</summary>
internal enum Outcome : byte
{
    /// <summary>Its whole reply from one server.</summary>
    Whole,

    /// <summary>A clean error of the gateway's own.</summary>
    Error,

    /// <summary>A visibly broken connection.</summary>
    Cut,

    /// <summary>Its client had left.</summary>
    ClientLeft,

    /// <summary>There was no request for the fault to harm, or it did none harm.</summary>
    Unfelt,
}
