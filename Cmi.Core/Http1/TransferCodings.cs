using System.Text;
using Cmi.Messages;

namespace Cmi.Http1;

/// <summary>What the Transfer-Encoding lines of a head list (RFC 9112 §6.1 and §7).</summary>
internal readonly struct TransferCodings
{
    /// <summary>How often <c>chunked</c> stands there.</summary>
    public int Chunked { get; private init; }

    /// <summary>Whether it stands at the end.</summary>
    public bool EndInChunked { get; private init; }

    /// <summary>Whether there are other codings, well-formed.</summary>
    public bool HasOthers { get; private init; }

    /// <summary>
    /// Whether there is what hops are known to read in different ways: an empty element, one that is not a token (so also parameters), or
    /// <c>identity</c>, which RFC 2616 had and RFC 7230 took away.
    /// </summary>
    public bool HasJunk { get; private init; }

    /// <summary>Reads the codings of a head that has Transfer-Encoding.</summary>
    public static TransferCodings Of(FieldSection fields)
    {
        var chunked = 0;
        bool endInChunked = false, others = false, junk = false;
        for (var i = 0; i < fields.Count; i++)
        {
            var field = fields[i];
            if (field.Name != FieldName.TransferEncoding) continue;
            foreach (var coding in new ListElements(fields.ValueOf(field)))
            {
                endInChunked = Ascii.EqualsIgnoreCase(coding, "chunked"u8);
                if (endInChunked) chunked++;
                else if (!Octets.IsToken(coding) || Ascii.EqualsIgnoreCase(coding, "identity"u8)) junk = true;
                else others = true;
            }
        }
        return new TransferCodings { Chunked = chunked, EndInChunked = endInChunked, HasOthers = others, HasJunk = junk };
    }
}
