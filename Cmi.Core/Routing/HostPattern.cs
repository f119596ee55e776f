using System.Diagnostics.CodeAnalysis;
using System.Text;
using Cmi.Http1;

namespace Cmi.Routing;

/// <summary>What a route says of the host: a name, or all names below a domain, with or without a port. Immutable.</summary>
/// <param name="Name">In lower case, without a dot at its end; of a wildcard what follows the asterisk, such as <c>.example.org</c>.</param>
/// <param name="Port">The port; 0: any.</param>
internal sealed record HostPattern(string Name, int Port)
{
    /// <summary>The longest name that a host can have; a longer one in a request is no host of any route. (A name in the DNS has at most 253 characters.)</summary>
    public const int MaxNameBytes = 255;

    public const string Rule = "HOST or *.DOMAIN, with or without :PORT";

    public static bool TryParse(string text, [NotNullWhen(true)] out HostPattern? pattern)
    {
        pattern = null;
        var below = text.StartsWith("*.", StringComparison.Ordinal);
        var authority = Encoding.UTF8.GetBytes(below ? text[2..] : text);
        if (!AuthorityParser.IsValid(authority) || authority.AsSpan().ContainsAny((byte)'*', (byte)'%') || (below && authority[0] is (byte)'[' or (byte)'.')) return false;
        AuthorityParser.Split(authority, out var host, out var port);
        if (port.Length > 0 && (!Octets.TryReadDigits(port, out var number) || number == 0)) return false;
        if (host.Length < authority.Length && port.Length == 0) return false;               // a colon without a port
        if (host.EndsWith("."u8)) host = host[..^1];
        if (host.IsEmpty || host.Length + 1 > MaxNameBytes) return false;
        pattern = new((below ? "." : "") + Encoding.ASCII.GetString(host).ToLowerInvariant(), PortOf(port));
        return true;
    }

    /// <summary>What digits say; 0 if there are none.</summary>
    public static int PortOf(ReadOnlySpan<byte> digits) => digits.IsEmpty || !Octets.TryReadDigits(digits, out var port) ? 0 : (int)port;
}
