using Cmi.Messages;

namespace Cmi.Forwarding;

/// <summary>
/// Says which fields of a message are for this hop only (RFC 9110 §7.6.1): those of old renown, and those that Connection names. Threading: the
/// loop that owns the section.
/// </summary>
internal readonly ref struct ConnectionFields
{
    /// <summary>
    /// How many options Connection may list, empty ones among them. Each is compared with each field of the head, so without a bound a
    /// message could be made that costs us much more than it costs its sender. Real ones list one or two.
    /// </summary>
    public const int MaxOptions = 64;

    /// <summary>Removed whether Connection names them or not.</summary>
    public static readonly FieldNameSet OfTheHop = FieldNameSet.Of(
        FieldName.Connection, FieldName.KeepAlive, FieldName.ProxyConnection, FieldName.Te, FieldName.Trailer,
        FieldName.TransferEncoding, FieldName.Upgrade);

    /// <summary>
    /// Kept even if Connection names them: a client could otherwise have us take away what framing, routing and access checks at the server
    /// rest on, and so speak to it as somebody else.
    /// </summary>
    private static readonly FieldNameSet Guarded = FieldNameSet.Of(
        FieldName.Host, FieldName.ContentLength, FieldName.TransferEncoding, FieldName.Authorization, FieldName.Cookie, FieldName.Via,
        FieldName.Forwarded, FieldName.XForwardedFor, FieldName.XForwardedProto, FieldName.XForwardedHost);

    private readonly FieldSection _fields;
    private readonly FieldNameSet _named;
    private readonly bool _namesUnknown;

    private ConnectionFields(FieldSection fields, FieldNameSet named, bool namesUnknown)
    {
        _fields = fields;
        _named = named;
        _namesUnknown = namesUnknown;
    }

    /// <summary>Reads the Connection field of a message.</summary>
    public static ConnectionFields Of(FieldSection fields)
    {
        var named = default(FieldNameSet);
        var namesUnknown = false;
        if (!fields.Has(FieldName.Connection)) return new ConnectionFields(fields, named, namesUnknown: false);
        for (var i = 0; i < fields.Count; i++)
        {
            var field = fields[i];
            if (field.Name != FieldName.Connection) continue;
            foreach (var option in new ListElements(fields.ValueOf(field)))
            {
                var name = FieldNames.Parse(option);
                if (name == FieldName.Other) namesUnknown |= option.Length > 0;
                else if (!Guarded.Has(name)) named = named.With(name);
            }
        }
        return new ConnectionFields(fields, named, namesUnknown);
    }

    /// <summary>Whether a message may be forwarded at all: Connection lists no more than <see cref="MaxOptions"/>.</summary>
    public static bool AreBounded(FieldSection fields)
    {
        if (!fields.Has(FieldName.Connection)) return true;
        var options = 0;
        for (var i = 0; i < fields.Count; i++)
        {
            var field = fields[i];
            if (field.Name == FieldName.Connection) options += 1 + fields.ValueOf(field).Count((byte)',');
        }
        return options <= MaxOptions;
    }

    /// <summary>Whether Connection names this field, and is to be obeyed.</summary>
    public bool Names(in Field field)
    {
        if (field.Name != FieldName.Other) return _named.Has(field.Name);
        return _namesUnknown && _fields.ListHas(FieldName.Connection, _fields.NameOf(field));
    }
}
