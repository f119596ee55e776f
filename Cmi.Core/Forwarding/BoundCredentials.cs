using System.Text;
using Cmi.Http1;
using Cmi.Messages;

namespace Cmi.Forwarding;

/// <summary>
/// Knows the authentication schemes that are of a connection and not of a request (NTLM; Negotiate, RFC 4559 §6): a server takes all that follows on it for the
/// same user. A connection that has carried such credentials must never carry the request of another. Threading: any thread.
/// </summary>
internal static class BoundCredentials
{
    /// <summary>Whether a request has such credentials.</summary>
    public static bool AreIn(FieldSection fields)
    {
        if (!fields.Has(FieldName.Authorization)) return false;
        for (var i = 0; i < fields.Count; i++)
        {
            var field = fields[i];
            if (field.Name == FieldName.Authorization && IsBound(fields.ValueOf(field))) return true;
        }
        return false;
    }

    private static bool IsBound(ReadOnlySpan<byte> credentials)
    {
        var scheme = credentials[..Octets.TokenLength(credentials)];
        return Ascii.EqualsIgnoreCase(scheme, "negotiate"u8) || Ascii.EqualsIgnoreCase(scheme, "ntlm"u8);
    }
}
