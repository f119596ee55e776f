using System.Globalization;
using System.Text;
using Cmi.Http1;

namespace Cmi.Forwarding;

/// <summary>Reads Retry-After (RFC 9110 §10.2.3). Threading: any thread.</summary>
internal static class RetryAfterField
{
    private const long MaxSeconds = 10_000_000;                     // beyond that it is the same for everyone here

    /// <summary>Reads the seconds or the date that a server names.</summary>
    /// <param name="value">The value of the field.</param>
    /// <param name="time">The clock that a date is compared with.</param>
    /// <returns>Milliseconds from now; <see langword="null"/> if it is neither.</returns>
    public static long? Read(ReadOnlySpan<byte> value, TimeProvider time)
    {
        if (Octets.TryReadDigits(value, out var seconds)) return Math.Min(seconds, MaxSeconds) * 1000;
        return DateTimeOffset.TryParseExact(Encoding.ASCII.GetString(value), "r", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date)
            ? Math.Max(0, (long)(date - time.GetUtcNow()).TotalMilliseconds) : null;
    }
}
