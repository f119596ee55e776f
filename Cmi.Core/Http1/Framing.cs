namespace Cmi.Http1;

/// <summary>How the end of a content is known (RFC 9112 §6.3).</summary>
internal enum FramingKind : byte
{
    /// <summary>There is no content.</summary>
    None,

    /// <summary>By the number of its bytes, told before.</summary>
    Length,

    /// <summary>By a last chunk of size 0.</summary>
    Chunked,

    /// <summary>By the end of the connection.</summary>
    UntilClose,
}

/// <summary>The framing of one message.</summary>
/// <param name="Kind">How its content ends.</param>
/// <param name="Length">
/// The bytes of content with <see cref="FramingKind.Length"/>; for <see cref="FramingKind.None"/> -1, or the Content-Length that a reply to HEAD or
/// a 304 declared.
/// </param>
/// <param name="Doubtful">The connection must not be used again after this message.</param>
internal readonly record struct Framing(FramingKind Kind, long Length = -1, bool Doubtful = false);
