using System.Text;

namespace Cmi.Tests.Fuzz;

/// <summary>
/// A message in parts, each character an octet, so that a mutator can change what means something before all becomes bytes. Lines carry their ends.
/// </summary>
internal sealed class FuzzMessage
{
    public string Start { get; set; } = "";

    public List<string> Lines { get; } = [];

    public string HeadEnd { get; set; } = "\r\n";

    /// <summary>The content as it is framed: whole, or size lines, data, ends and trailer lines of its own.</summary>
    public List<string> Content { get; } = [];

    public void AppendTo(List<byte> into)
    {
        Append(into, Start);
        foreach (var line in Lines) Append(into, line);
        Append(into, HeadEnd);
        foreach (var piece in Content) Append(into, piece);
    }

    public override string ToString() => $"{Start}{string.Concat(Lines)}{HeadEnd}{string.Concat(Content)}";

    private static void Append(List<byte> into, string text)
    {
        var at = into.Count;
        System.Runtime.InteropServices.CollectionsMarshal.SetCount(into, at + text.Length);
        Encoding.Latin1.GetBytes(text, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(into)[at..]);
    }
}
