using Cmi.Messages;

namespace Cmi.Http1;

/// <summary>The outcome of reading a part of a message.</summary>
internal enum ReadStatus : byte
{
    /// <summary>More bytes are needed.</summary>
    NeedMore,

    /// <summary>The part is complete.</summary>
    Done,

    /// <summary>The message is malformed or too large.</summary>
    Invalid,
}

/// <summary>The limits of a head.</summary>
/// <param name="MaxBytes">The whole head, from the start line to the empty line.</param>
/// <param name="MaxLineBytes">The request line.</param>
/// <param name="MaxFields">Field lines.</param>
internal readonly record struct HeadLimits(int MaxBytes, int MaxLineBytes, int MaxFields);

internal static class RequestReader
{
    /// <summary>Reads a request head from the start of <paramref name="input"/>. <paramref name="scanned"/> is 0 for a new head and is kept by the caller between calls over the same, longer input.</summary>
    public static ReadStatus Read(Memory<byte> input, ref int scanned, in HeadLimits limits, RequestHead head, out int consumed, out ProtocolError error) => throw null!;
}

internal static class ResponseReader
{
    public static ReadStatus Read(Memory<byte> input, ref int scanned, in HeadLimits limits, ResponseHead head, out int consumed, out ProtocolError error) => throw null!;
}
