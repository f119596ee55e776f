using Cmi.Messages;

namespace Cmi.Http1;

internal static class RequestWriter
{
    /// <summary>Writes the head that goes to servers, all but its framing: it is kept and sent once per attempt.</summary>
    /// <param name="peer">The client's IP address as text; empty where unknown.</param>
    /// <param name="via">Our pseudonym for the Via field.</param>
    public static void WriteHead(HeadBuffer into, RequestHead head, ReadOnlySpan<byte> peer, ReadOnlySpan<byte> via) => throw null!;
    /// <summary>Ends a head: its framing field, and the empty line.</summary>
    public static void WriteEnd(HeadBuffer into, Framing toServer) => throw null!;
}

internal static class ResponseHeadWriter
{
    /// <summary>Writes the head that goes to the client, all but its framing and Connection field.</summary>
    /// <param name="date">A Date value to add where the server gave none (RFC 9110 §6.6.1).</param>
    public static void WriteHead(HeadBuffer into, ResponseHead head, ReadOnlySpan<byte> date) => throw null!;
    /// <summary>Ends a head: its framing field, its Connection field, and the empty line.</summary>
    public static void WriteEnd(HeadBuffer into, Framing toClient, bool persistent, int clientMinorVersion) => throw null!;
    /// <summary>Writes a whole reply of our own with a short text as its content (none for HEAD, its length still given).</summary>
    public static void WriteOwn(HeadBuffer into, int status, string text, Method method, bool persistent, int clientMinorVersion, ReadOnlySpan<byte> date, int retryAfterSeconds = 0) => throw null!;
}
