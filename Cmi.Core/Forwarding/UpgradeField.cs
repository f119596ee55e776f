using System.Text;
using Cmi.Http1;
using Cmi.Messages;

namespace Cmi.Forwarding;

/// <summary>
/// Upgrade asks to go on in another protocol (RFC 9110 §7.8). It is of the hop: to pass it on is to ask anew. HTTP/2 is not asked for, since
/// what followed would not be a tunnel but messages that we must understand. Threading: the loop that owns the head.
/// </summary>
internal static class UpgradeField
{
    /// <summary>How many protocols a server may switch to at once, one upon the other. Each is looked for in the list asked for.</summary>
    private const int MaxAnswered = 4;

    /// <summary>Whether a client asks for a protocol that we would pass on.</summary>
    public static bool IsAsked(RequestHead head)
    {
        // RFC 9110 §7.8: ignored in HTTP/1.0, and without the connection option.
        if (head.MinorVersion == 0 || !head.Fields.Has(FieldName.Upgrade) || !head.Fields.ListHas(FieldName.Connection, "upgrade"u8)) return false;
        return WriteProtocols(null, head.Fields) > 0;
    }

    /// <summary>Whether a server that switches protocols does so to one that the client asked for, of those that were passed on.</summary>
    public static bool IsAnswered(ResponseHead response, RequestHead request)
    {
        var answered = 0;
        for (var i = 0; i < response.Fields.Count; i++)
        {
            var field = response.Fields[i];
            if (field.Name != FieldName.Upgrade) continue;
            foreach (var protocol in new ListElements(response.Fields.ValueOf(field)))
            {
                if (!IsPassedOn(protocol) || !request.Fields.ListHas(FieldName.Upgrade, protocol)) return false;
                if (++answered > MaxAnswered) return false;
            }
        }
        return answered > 0 && IsAsked(request);
    }

    /// <summary>Writes Connection and Upgrade for the next hop.</summary>
    public static void Write(HeadBuffer into, FieldSection fields)
    {
        into.AppendField("Connection"u8, "Upgrade"u8);
        into.Append("Upgrade: "u8);
        WriteProtocols(into, fields);
        into.AppendLineEnd();
    }

    /// <summary>Writes the protocols to pass on, if there is somewhere to write to, and counts them.</summary>
    private static int WriteProtocols(HeadBuffer? into, FieldSection fields)
    {
        var count = 0;
        for (var i = 0; i < fields.Count; i++)
        {
            var field = fields[i];
            if (field.Name != FieldName.Upgrade) continue;
            foreach (var protocol in new ListElements(fields.ValueOf(field)))
            {
                if (!IsPassedOn(protocol)) continue;
                if (count++ > 0) into?.Append(", "u8);
                into?.Append(protocol);
            }
        }
        return count;
    }

    private static bool IsPassedOn(ReadOnlySpan<byte> protocol) =>
        protocol.Length > 0 && !Ascii.EqualsIgnoreCase(protocol, "h2c"u8) && !Ascii.EqualsIgnoreCase(protocol, "h2"u8);
}
