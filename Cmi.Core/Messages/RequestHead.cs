namespace Cmi.Messages;

/// <summary>The four forms of a request target (RFC 9112 §3.2).</summary>
internal enum TargetForm : byte { Origin, Absolute, Authority, Asterisk }

/// <summary>
/// A request line and its fields, parsed. Reused; valid as long as the bytes that it was parsed from, and only after its reader said that it is done.
/// Of a request that was refused it has the method and the version, as far as they were understood: what an answer needs.
/// <para>Threading: the loop that owns it.</para>
/// </summary>
internal sealed class RequestHead
{
    private Part _method;
    private Part _target;
    private Part _path;
    private Part _authority;
    private byte[] _composed = [];
    private int _composedLength;

    /// <summary>The method, as far as something is decided by it; its name is <see cref="MethodBytes"/>.</summary>
    public Method Method { get; private set; }

    /// <summary>1 for HTTP/1.1 (and for any later 1.x), 0 for HTTP/1.0.</summary>
    public int MinorVersion { get; private set; }

    /// <summary>The form of <see cref="Target"/>.</summary>
    public TargetForm Form { get; private set; }

    /// <summary>The fields.</summary>
    public FieldSection Fields { get; } = new();

    /// <summary>The method's name as it came.</summary>
    public ReadOnlySpan<byte> MethodBytes => _method.Of(Fields.Bytes);

    /// <summary>The whole target as it came.</summary>
    public ReadOnlySpan<byte> Target => _target.Of(Fields.Bytes);

    /// <summary>
    /// Path and query as they go to the server, byte for byte: "/..." or "*". Of an absolute target without a path: "/", or "*" for OPTIONS.
    /// </summary>
    public ReadOnlySpan<byte> PathAndQuery => _composedLength > 0 ? _composed.AsSpan(0, _composedLength) : _path.Of(Fields.Bytes);

    /// <summary>The authority that counts: of an absolute target its own, else the Host field's value; empty for HTTP/1.0 without one.</summary>
    public ReadOnlySpan<byte> Authority => _authority.Of(Fields.Bytes);

    /// <summary>Forgets the last request, and takes the bytes of the next.</summary>
    public void Begin(ReadOnlyMemory<byte> bytes)
    {
        Fields.Begin(bytes);
        Method = Method.Other;
        MinorVersion = 0;
        Form = TargetForm.Origin;
        _method = _target = _path = _authority = default;
        _composedLength = 0;
    }

    /// <summary>Takes the method.</summary>
    public void SetMethod(Method method, Part name)
    {
        Method = method;
        _method = name;
    }

    /// <summary>Takes the version.</summary>
    public void SetVersion(int minorVersion) => MinorVersion = minorVersion;

    /// <summary>Takes the target and its parts; the authority is empty where Host says it.</summary>
    public void SetTarget(Part target, TargetForm form, Part authority, Part path)
    {
        Form = form;
        _target = target;
        _authority = authority;
        _path = path;
    }

    /// <summary>
    /// Takes a path that is not in the target as such. The bytes are copied to memory of this object, which is kept for the next such target.
    /// </summary>
    public void ComposePath(ReadOnlySpan<byte> start, ReadOnlySpan<byte> rest)
    {
        _composedLength = start.Length + rest.Length;
        if (_composed.Length < _composedLength) _composed = new byte[_composedLength];
        start.CopyTo(_composed);
        rest.CopyTo(_composed.AsSpan(start.Length));
    }

    /// <summary>Takes the authority from the Host field, unless the target had one: then Host is ignored (RFC 9112 §3.2.2).</summary>
    public void TakeHost()
    {
        if (Form != TargetForm.Absolute) _authority = Fields.FirstPart(FieldName.Host);
    }
}
