namespace Cmi.Forwarding;

/// <summary>Decides whether a failed attempt may be followed by another (RFC 9110 §9.2.2, RFC 9112 §9.3.1).</summary>
internal static class RetryRule
{
    /// <summary>Whether the request may be sent once more, as far as the request and this failure go.</summary>
    /// <param name="idempotent">Only what is idempotent may have acted twice.</param>
    /// <param name="anyByteSent">Whether the server may have seen a byte; if not, it cannot have acted.</param>
    /// <param name="replyLeft">Whether a byte of a reply has left for the client: two attempts are never joined.</param>
    /// <param name="contentKept">Whether the request's content is still there from its first byte.</param>
    public static bool IsSafe(bool idempotent, bool anyByteSent, bool replyLeft, bool contentKept) => !replyLeft && contentKept && (idempotent || !anyByteSent);
}
