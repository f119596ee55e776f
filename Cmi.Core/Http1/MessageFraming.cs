using Cmi.Messages;

namespace Cmi.Http1;

/// <summary>How the end of a content is known (RFC 9112 §6.3).</summary>
internal enum FramingKind : byte { None, Length, Chunked, UntilClose }

/// <summary>The framing of one message.</summary>
/// <param name="Kind">How its content ends.</param>
/// <param name="Length">The bytes of content with <see cref="FramingKind.Length"/>; for <see cref="FramingKind.None"/> -1, or the Content-Length that a reply to HEAD or a 304 declared.</param>
/// <param name="Doubtful">The connection must not be used again after this message.</param>
internal readonly record struct Framing(FramingKind Kind, long Length = -1, bool Doubtful = false);

/// <summary>Decides how messages end, both ways. Nobody else looks at Content-Length or Transfer-Encoding.</summary>
internal static class MessageFraming
{
    public static bool TryOfRequest(RequestHead head, out Framing framing, out ProtocolError error) => throw null!;
    public static bool TryOfResponse(ResponseHead head, Method method, out Framing framing, out ProtocolError error) => throw null!;
    /// <summary>How a request goes to a server: none, by its known length, or chunked.</summary>
    public static Framing ToServer(Framing received, long? wholeLength) => throw null!;
    /// <summary>How a reply goes to a client. <paramref name="wholeLength"/> is null while its content is not proven whole.</summary>
    public static Framing ToClient(Framing received, long? wholeLength, Method method, int status, int clientMinorVersion) => throw null!;
    /// <summary>Whether the sender of a request wants the connection kept (RFC 9112 §9.3).</summary>
    public static bool IsPersistent(RequestHead head) => throw null!;
    /// <summary>Whether a server will keep the connection after this response.</summary>
    public static bool IsPersistent(ResponseHead head, Framing framing) => throw null!;
}
