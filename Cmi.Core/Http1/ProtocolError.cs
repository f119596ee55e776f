namespace Cmi.Http1;

/// <summary>
/// Every reason to refuse a message. A request is answered with <see cref="ProtocolErrorExtensions.get_Status"/>; a response so refused is a 502.
/// </summary>
internal enum ProtocolError : byte
{
    None,
    BadRequestLine, BadStatusLine, BadTarget, BadMethod, VersionNotSupported, RequestLineTooLong, HeadTooLarge, TooManyFields,
    BadFieldLine, BadFieldName, BadFieldValue, BadHost,
    BadContentLength, LengthWithCoding, BadTransferCoding, UnknownTransferCoding, CodingInOldVersion,
    BadChunkSize, BadChunkExtension, BadChunkEnd, BadTrailer, ContentTooLarge, MethodNotAllowed, ExpectationFailed, TooManyInterim, UnaskedUpgrade,
}

/// <summary>What is said about a refusal, to the client and in logs. Threading: any thread.</summary>
internal static class ProtocolErrorExtensions
{
    extension(ProtocolError error)
    {
        /// <summary>
        /// The status code that answers a request with this fault: 400, 413, 414, 417, 431, 501 or 505; 502 for what only a response can have.
        /// </summary>
        public int Status => error switch
        {
            ProtocolError.MethodNotAllowed => 501,                             // RFC 9110 §15.6.2; a 405 would have to say what is allowed
            ProtocolError.ContentTooLarge => 413,
            ProtocolError.RequestLineTooLong => 414,
            ProtocolError.ExpectationFailed => 417,
            ProtocolError.HeadTooLarge or ProtocolError.TooManyFields => 431,                   // RFC 6585 §5
            ProtocolError.UnknownTransferCoding => 501,                                         // RFC 9112 §6.1
            ProtocolError.BadStatusLine or ProtocolError.TooManyInterim or ProtocolError.UnaskedUpgrade => 502,
            ProtocolError.VersionNotSupported => 505,
            _ => 400,
        };

        /// <summary>
        /// One sentence for logs and the content of the answer. It quotes nothing of the message: that would be an echo for attackers.
        /// </summary>
        public string Explanation => error switch
        {
            ProtocolError.None => "The message is well-formed.",
            ProtocolError.BadRequestLine => "The request line is malformed.",
            ProtocolError.BadStatusLine => "The status line is malformed.",
            ProtocolError.BadTarget => "The request target is malformed, or of a form that its method does not have.",
            ProtocolError.BadMethod => "The method is not a token.",
            ProtocolError.VersionNotSupported => "Only HTTP/1.1 and HTTP/1.0 are spoken here.",
            ProtocolError.RequestLineTooLong => "The request line is too long.",
            ProtocolError.HeadTooLarge => "The head of the message is too large.",
            ProtocolError.TooManyFields => "The head of the message has too many fields.",
            ProtocolError.BadFieldLine => "A field line is malformed: folded, without a colon, not ended by CRLF, or blank at its start.",
            ProtocolError.BadFieldName => "A field name is not a token directly followed by a colon.",
            ProtocolError.BadFieldValue => "A field value has a control character, or Connection names too many options.",
            ProtocolError.BadHost => "The Host field is missing, repeated or invalid.",
            ProtocolError.BadContentLength => "Content-Length is not a number of bytes, or given twice with different values.",
            ProtocolError.LengthWithCoding => "Content-Length and Transfer-Encoding are both given.",
            ProtocolError.BadTransferCoding => "Transfer-Encoding is malformed, or does not end in chunked, once.",
            ProtocolError.UnknownTransferCoding => "Transfer-Encoding names a coding other than chunked.",
            ProtocolError.CodingInOldVersion => "Transfer-Encoding is given in HTTP/1.0.",
            ProtocolError.BadChunkSize => "A chunk size is not a hexadecimal number, or too large.",
            ProtocolError.BadChunkExtension => "A chunk extension is malformed or too long.",
            ProtocolError.BadChunkEnd => "A chunk does not end where its size says.",
            ProtocolError.BadTrailer => "The trailer section is malformed or too long.",
            ProtocolError.ContentTooLarge => "The content is too large.",
            ProtocolError.MethodNotAllowed => "CONNECT is for proxies; this is a gateway.",
            ProtocolError.ExpectationFailed => "Expect has a value other than 100-continue.",
            ProtocolError.TooManyInterim => "There were too many interim responses.",
            ProtocolError.UnaskedUpgrade => "The protocol was switched without having been asked for.",
            _ => throw new ArgumentOutOfRangeException(nameof(error), error, "Not a protocol error."),
        };

        /// <summary>The same without its full stop, for the end of a sentence in a log.</summary>
        public string Reason => error.Explanation[..^1];
    }
}
