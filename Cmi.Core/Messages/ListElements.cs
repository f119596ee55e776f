using System.Text;
using Cmi.Http1;

namespace Cmi.Messages;

/// <summary>
/// Walks the elements of a comma-separated value (RFC 9110 §5.6.1), blanks around them removed. Empty elements are given too, and an empty
/// value is one empty element: whether they may be overlooked is for the caller to decide. Commas in quoted strings are not known here, for
/// every list that something is decided by is one of tokens.
/// </summary>
internal ref struct ListElements(ReadOnlySpan<byte> value)
{
    private ReadOnlySpan<byte> _rest = value;
    private bool _ended;

    /// <summary>The element found by the last <see cref="MoveNext"/>.</summary>
    public ReadOnlySpan<byte> Current { get; private set; }

    /// <summary>Makes a <c>foreach</c> possible.</summary>
    public readonly ListElements GetEnumerator() => this;

    /// <summary>Goes to the next element.</summary>
    public bool MoveNext()
    {
        if (_ended) return false;
        var comma = _rest.IndexOf((byte)',');
        _ended = comma < 0;
        Current = Octets.TrimBlanks(_ended ? _rest : _rest[..comma]);
        _rest = _ended ? default : _rest[(comma + 1)..];
        return true;
    }

    /// <summary>Whether any element equals this token, compared without case.</summary>
    public static bool Have(ReadOnlySpan<byte> value, ReadOnlySpan<byte> token)
    {
        foreach (var element in new ListElements(value))
        {
            if (Ascii.EqualsIgnoreCase(element, token)) return true;
        }
        return false;
    }
}
