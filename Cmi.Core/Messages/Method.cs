namespace Cmi.Messages;

/// <summary>
/// The request methods that something is decided by (RFC 9110 §9.3, RFC 5789). Names are case-sensitive; any other token is <see cref="Other"/>.
/// </summary>
internal enum Method : byte { Other, Get, Head, Post, Put, Delete, Connect, Options, Trace, Patch }

/// <summary>What the specification says of the methods. Threading: any thread.</summary>
internal static class MethodExtensions
{
    extension(Method method)
    {
        /// <summary>Whether the client asks for no change of state, so that such requests may be processed side by side (RFC 9110 §9.2.1).</summary>
        public bool IsSafe => method is Method.Get or Method.Head or Method.Options or Method.Trace;

        /// <summary>Whether asking twice means the same as asking once, so that a request may be tried again (RFC 9110 §9.2.2).</summary>
        public bool IsIdempotent => method.IsSafe || method is Method.Put or Method.Delete;
    }

    /// <summary>Names a method. "get" is not GET (RFC 9110 §9.1).</summary>
    public static Method Parse(ReadOnlySpan<byte> name) => name.Length switch
    {
        3 => name.SequenceEqual("GET"u8) ? Method.Get : name.SequenceEqual("PUT"u8) ? Method.Put : Method.Other,
        4 => name.SequenceEqual("POST"u8) ? Method.Post : name.SequenceEqual("HEAD"u8) ? Method.Head : Method.Other,
        5 => name.SequenceEqual("PATCH"u8) ? Method.Patch : name.SequenceEqual("TRACE"u8) ? Method.Trace : Method.Other,
        6 => name.SequenceEqual("DELETE"u8) ? Method.Delete : Method.Other,
        7 => name.SequenceEqual("OPTIONS"u8) ? Method.Options : name.SequenceEqual("CONNECT"u8) ? Method.Connect : Method.Other,
        _ => Method.Other,
    };
}
