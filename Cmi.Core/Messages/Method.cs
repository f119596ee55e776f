namespace Cmi.Messages;

/// <summary>The request methods that something is decided by (RFC 9110 §9.3, RFC 5789). Names are case-sensitive; any other token is <see cref="Other"/>.</summary>
internal enum Method : byte { Other, Get, Head, Post, Put, Delete, Connect, Options, Trace, Patch }

internal static class MethodExtensions
{
    extension(Method method)
    {
        /// <summary>RFC 9110 §9.2.1.</summary>
        public bool IsSafe => method is Method.Get or Method.Head or Method.Options or Method.Trace;

        /// <summary>RFC 9110 §9.2.2.</summary>
        public bool IsIdempotent => method.IsSafe || method is Method.Put or Method.Delete;
    }

    /// <summary>Names a method.</summary>
    public static Method Parse(ReadOnlySpan<byte> name) => throw null!;
}
