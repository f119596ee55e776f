namespace Cmi.Engine;

/// <summary>Why an attempt at a server came to nothing.</summary>
internal enum AttemptFault : byte
{
    /// <summary>The server could not be reached.</summary>
    ConnectFailed,

    /// <summary>It did not accept a connection in time.</summary>
    ConnectTimeout,

    /// <summary>A pooled connection ended as the request was written, before a byte of a reply.</summary>
    StaleConnection,

    /// <summary>The connection ended or broke before the reply was whole.</summary>
    ConnectionLost,

    /// <summary>No reply head came in time.</summary>
    HeadTimeout,

    /// <summary>No further content came in time.</summary>
    ContentTimeout,

    /// <summary>The time for all attempts was over.</summary>
    ExchangeTimeout,

    /// <summary>What came is no HTTP reply, or none to this request.</summary>
    BadReply,

    /// <summary>The reply was whole, but a check did not let it pass.</summary>
    CheckFailed,

    /// <summary>Its status code says that another server might do better.</summary>
    BadStatus,

    /// <summary>It was asked for the rest of a reply that broke, and what it gave is not that.</summary>
    NotTheRest,

    /// <summary>Not the server's fault: the buffer store failed.</summary>
    StoreFailed,
}

/// <summary>What follows from a fault. Threading: any thread.</summary>
internal static class AttemptFaults
{
    /// <summary>How many there are.</summary>
    public static readonly int Count = Enum.GetValues<AttemptFault>().Length;

    extension(AttemptFault fault)
    {
        /// <summary>What the client is told if no other attempt follows.</summary>
        public int Status => fault switch
        {
            AttemptFault.ConnectTimeout or AttemptFault.HeadTimeout or AttemptFault.ContentTimeout or AttemptFault.ExchangeTimeout => 504,
            AttemptFault.StoreFailed or AttemptFault.BadStatus => 503,
            _ => 502,
        };

        /// <summary>Whether the connection failed or broke: an honest accident, after which the first other attempt costs nothing.</summary>
        public bool IsOfConnection => fault is AttemptFault.ConnectFailed or AttemptFault.ConnectTimeout or AttemptFault.ConnectionLost;

        /// <summary>Whether what had come of the reply is right as far as it goes, so that another server may go on with it: it stopped, and no more.</summary>
        public bool IsOutlived => fault.IsOfConnection || fault is AttemptFault.HeadTimeout or AttemptFault.ContentTimeout;
    }
}
