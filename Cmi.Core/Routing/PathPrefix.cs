using System.Buffers;

namespace Cmi.Routing;

/// <summary>What a route says of the path: how it begins, up to the end of a segment.</summary>
internal static class PathPrefix
{
    public const string Rule = "a path that begins with '/', as it is in a request line, without a query";

    private static readonly SearchValues<char> PathCharacters =
        SearchValues.Create("!$%&'()*+,-./0123456789:;=@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~");

    public static bool IsValid(string prefix) => prefix.StartsWith('/') && !prefix.AsSpan().ContainsAnyExcept(PathCharacters);

    /// <summary>Whether a path begins with the segments of a prefix. Bytes are compared: nothing is decoded, merged or resolved.</summary>
    /// <param name="path">The path of a request without its query; <c>*</c> begins with none.</param>
    /// <param name="prefix">The prefix; one that ends with a slash takes only what is below.</param>
    public static bool Matches(ReadOnlySpan<byte> path, ReadOnlySpan<byte> prefix) =>
        path.StartsWith(prefix) && (path.Length == prefix.Length || prefix[^1] == '/' || path[prefix.Length] == '/');
}
