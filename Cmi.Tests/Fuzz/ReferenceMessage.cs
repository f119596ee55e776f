namespace Cmi.Tests.Fuzz;

internal enum Verdict { Whole, Incomplete, Invalid }

internal enum ReferenceFraming { None, Length, Chunked, UntilClose }

/// <summary>What <see cref="ReferenceParser"/> found; its parts are known as far as it came.</summary>
internal sealed class ReferenceMessage
{
    public Verdict Verdict { get; set; } = Verdict.Incomplete;

    /// <summary>Why, if invalid.</summary>
    public string? Fault { get; set; }

    /// <summary>Whether the start line of a request is right, so that its method counts, whatever follows.</summary>
    public bool HasStartLine { get; set; }

    /// <summary>Whether the head is there and right, whatever became of the content.</summary>
    public bool HasHead { get; set; }

    /// <summary>Of the message in the text, if it is whole.</summary>
    public int Length { get; set; }

    public string Method { get; set; } = "";
    public string Path { get; set; } = "";
    public string Authority { get; set; } = "";
    public int MinorVersion { get; set; }
    public int Status { get; set; }
    public string Reason { get; set; } = "";
    public List<(string Name, string Value)> Fields { get; } = [];
    public ReferenceFraming Framing { get; set; }
    public string Content { get; set; } = "";

    /// <summary>Whether its sender takes the connection for kept behind it (RFC 9112 §9.3).</summary>
    public bool IsPersistent => Framing != ReferenceFraming.UntilClose && !Lists("connection", "close") && (MinorVersion > 0 || Lists("connection", "keep-alive"));

    public IEnumerable<string> All(string name) => Fields.Where(f => f.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(f => f.Value);

    public bool Lists(string name, string element)
    {
        foreach (var (found, value) in Fields)
        {
            if (!found.Equals(name, StringComparison.OrdinalIgnoreCase)) continue;
            if (Array.Exists(value.Split(','), e => e.Trim(' ', '\t').Equals(element, StringComparison.OrdinalIgnoreCase))) return true;
        }
        return false;
    }

    public ReferenceMessage Fail(string fault)
    {
        (Verdict, Fault) = (Verdict.Invalid, fault);
        return this;
    }

    public override string ToString() => $"{Verdict} {Fault} {Method}{Status} {Path} of {Authority}, {Framing}, {Content.Length} bytes, {Length} in all";
}
