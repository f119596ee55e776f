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
