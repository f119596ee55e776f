namespace Cmi.Http1;

/// <summary>Every reason to refuse a message. A request is answered with <see cref="ProtocolErrorExtensions.get_Status"/>; a response so refused is a 502.</summary>
internal enum ProtocolError : byte
{
    None,
    BadRequestLine, BadStatusLine, BadTarget, BadMethod, VersionNotSupported, RequestLineTooLong, HeadTooLarge, TooManyFields, BadFieldLine, BadFieldName, BadFieldValue, BadHost,
    BadContentLength, LengthWithCoding, BadTransferCoding, UnknownTransferCoding, CodingInOldVersion,
    BadChunkSize, BadChunkExtension, BadChunkEnd, BadTrailer, ContentTooLarge, MethodNotAllowed, ExpectationFailed, TooManyInterim, UnaskedUpgrade,
}

internal static class ProtocolErrorExtensions
{
    extension(ProtocolError error)
    {
        /// <summary>The status code that answers a request with this fault: 400, 413, 414, 417, 431, 501 or 505.</summary>
        public int Status => throw null!;

        /// <summary>One sentence for logs and the content of the answer.</summary>
        public string Explanation => throw null!;
    }
}
