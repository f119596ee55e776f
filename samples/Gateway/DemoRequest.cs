using System.Globalization;

namespace Cmi.Samples.Gateway;

/// <summary>A request as a demo server got it.</summary>
/// <param name="Method">The method.</param>
/// <param name="Target">Path and query.</param>
/// <param name="Fields">The field lines.</param>
/// <param name="Content">The content, a character for each byte.</param>
internal sealed record DemoRequest(string Method, string Target, IReadOnlyList<string> Fields, string Content)
{
    private const int MaxContentBytes = 16 << 20;

    internal string Path => Target.Split('?')[0];

    /// <summary>The request line without its version, and the field lines.</summary>
    internal string Head => string.Concat(Fields.Prepend($"{Method} {Target}").Select(line => line + "\n"));

    /// <summary>The next request of a connection; <see langword="null"/>: there is none.</summary>
    internal static async Task<DemoRequest?> ReadAsync(StreamReader reader, CancellationToken cancellationToken)
    {
        if (await reader.ReadLineAsync(cancellationToken) is not { } line || line.Split(' ') is not [var method, var target, _]) return null;
        var fields = new List<string>();
        while (await reader.ReadLineAsync(cancellationToken) is { Length: > 0 } field) fields.Add(field);
        var request = new DemoRequest(method, target, fields, "");
        if (request.Says("Transfer-Encoding", "chunked")) return request with { Content = await ReadChunksAsync(reader, cancellationToken) };
        if (request.Field("Content-Length") is not { } length) return request;
        return request with { Content = await ReadContentAsync(reader, int.Parse(length, CultureInfo.InvariantCulture), cancellationToken) };
    }

    internal bool Says(string name, string value) => string.Equals(Field(name), value, StringComparison.OrdinalIgnoreCase);

    /// <summary>A number of the query.</summary>
    internal long Number(string name, long fallback, long highest)
    {
        var query = Target.Split('?', 2) is [_, var text] ? text : "";
        var value = query.Split('&').Select(p => p.Split('=', 2)).FirstOrDefault(p => p.Length == 2 && p[0] == name)?[1];
        return long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? Math.Min(number, highest) : fallback;
    }

    private string? Field(string name) =>
        Fields.FirstOrDefault(f => f.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))?[(name.Length + 1)..].Trim();

    private static async Task<string> ReadContentAsync(StreamReader reader, int length, CancellationToken cancellationToken)
    {
        if (length is < 0 or > MaxContentBytes) throw new InvalidDataException("More content than this server takes.");
        var content = new char[length];
        if (await reader.ReadBlockAsync(content, cancellationToken) < length) throw new EndOfStreamException();
        return new(content);
    }

    private static async Task<string> ReadChunksAsync(StreamReader reader, CancellationToken cancellationToken)
    {
        var content = "";
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            var size = int.Parse(line.Split(';')[0], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
            if (content.Length + (long)size > MaxContentBytes) throw new InvalidDataException("More content than this server takes.");
            content += await ReadContentAsync(reader, size, cancellationToken);
            // Behind a chunk an empty line; behind the last one trailer lines and an empty line.
            while (await reader.ReadLineAsync(cancellationToken) is { Length: > 0 })
            {
            }
            if (size == 0) return content;
        }
        throw new EndOfStreamException();
    }
}
