using System.Text;
using Cmi.Http1;
using Cmi.Messages;

namespace Cmi;

/// <summary>The forms of settings that are texts. Threading: any thread.</summary>
internal static class SettingForms
{
    private static readonly int[] MayBeRetried = [429, 502, 503, 504];

    public static bool IsRetryStatuses(string text) =>
        StatusSet.TryParse(text, out var set) && Enumerable.Range(100, 500).All(status => !set.Has(status) || MayBeRetried.Contains(status));

    public static bool IsStatuses(string text) => StatusSet.TryParse(text, out var set) && !set.IsEmpty;

    public static bool IsFieldName(string text) => Ascii.IsValid(text) && Octets.IsToken(Encoding.ASCII.GetBytes(text));

    public static bool IsPath(string text) => text.StartsWith('/') && IsVisible(text) && !text.Contains('#', StringComparison.Ordinal);

    public static bool IsHost(string text) => IsVisible(text) && !text.AsSpan().ContainsAny("/?#@,");

    // It is written into a head as it is.
    private static bool IsVisible(string text) => text.All(c => c is > ' ' and < '\u007f');
}
