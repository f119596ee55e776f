using System.Globalization;
using System.Text;

namespace Cmi.Simulation.World;

/// <summary>How the content of a message that is being read ends.</summary>
internal enum ContentEnd : byte
{
    None,
    Length,
    Chunked,
    UntilClose,
}

/// <summary>Who is told what a <see cref="MessageReader"/> reads.</summary>
internal interface IMessageSink
{
    /// <summary>The first line has come.</summary>
    void OnStartLine(string line);

    /// <summary>The head is there.</summary>
    /// <param name="head">All of it, with the empty line.</param>
    /// <param name="length">With <see cref="ContentEnd.Length"/>: how many bytes follow.</param>
    /// <returns>How the content ends.</returns>
    ContentEnd OnHead(string head, out long length);

    /// <summary>A part of the content.</summary>
    void OnContent(ReadOnlySpan<byte> content);

    /// <summary>The message is whole.</summary>
    /// <param name="trailers">The trailer section, without the empty line.</param>
    void OnEnd(string trailers);

    /// <summary>Bytes that are not HTTP.</summary>
    void OnMalformed(string why);
}

/// <summary>
/// Reads HTTP/1.1 messages as they come. Strict, and it shares nothing with the reader of the engine, so that one fault in both is unlikely. It stops at the end of
/// each message, and the one who feeds it goes on.
/// </summary>
internal sealed class MessageReader(IMessageSink sink)
{
    private const int MaxHead = 64 * 1024;

    private enum State : byte { Head, Length, ChunkSize, ChunkData, ChunkEnd, Trailers, UntilClose, Broken }

    private readonly StringBuilder _text = new();
    private State _state;
    private long _left;
    private bool _startLineTold;

    /// <summary>Whether a message has begun and is not whole.</summary>
    public bool IsInside => _state != State.Head || _text.Length > 0;

    /// <summary>Whether the head of a message has come, and the message is not whole.</summary>
    public bool IsInContent => _state is not (State.Head or State.Broken);

    /// <summary>Reads bytes, as far as the end of a message.</summary>
    /// <returns>How many were read; fewer than given only behind the end of a message.</returns>
    public int Read(ReadOnlySpan<byte> bytes)
    {
        var from = 0;
        while (from < bytes.Length)
        {
            var rest = bytes[from..];
            switch (_state)
            {
                case State.Broken:
                    return bytes.Length;
                case State.Length or State.ChunkData:
                    var count = (int)Math.Min(_left, rest.Length);
                    sink.OnContent(rest[..count]);
                    from += count;
                    _left -= count;
                    if (_left == 0 && _state == State.Length)
                    {
                        End("");
                        return from;
                    }
                    if (_left == 0) _state = State.ChunkEnd;
                    break;
                case State.UntilClose:
                    sink.OnContent(rest);
                    return bytes.Length;
                default:
                    var end = rest.IndexOf((byte)'\n');
                    var line = rest[..(end < 0 ? rest.Length : end + 1)];
                    _text.Append(Encoding.Latin1.GetString(line));
                    from += line.Length;
                    if (_text.Length > MaxHead) Break("a line without end");
                    else if (end >= 0 && TakeLine()) return from;
                    break;
            }
        }
        return from;
    }

    /// <summary>The sender has ended.</summary>
    /// <returns>Whether that was at the end of a message.</returns>
    public bool EndOfInput()
    {
        if (_state == State.UntilClose) End("");
        return !IsInside;
    }

    /// <summary>Forgets all, for another message.</summary>
    public void Reset()
    {
        _state = State.Head;
        _text.Clear();
        _startLineTold = false;
    }

    private bool TakeLine()
    {
        var length = _text.Length;
        if (length < 2 || _text[length - 2] != '\r')
        {
            Break("a line that ends without CR");
            return false;
        }
        switch (_state)
        {
            case State.Head:
                if (!_startLineTold)
                {
                    _startLineTold = true;
                    sink.OnStartLine(_text.ToString(0, length - 2));
                    return false;
                }
                return _text[length - 3] == '\n' && TakeHead();
            case State.ChunkSize:
                TakeSize();
                return false;
            case State.ChunkEnd:
                if (length != 2) Break("bytes behind the data of a chunk");
                _text.Clear();
                if (_state != State.Broken) _state = State.ChunkSize;
                return false;
            default:
                if (length > 2 && _text[length - 3] != '\n') return false;
                End(_text.ToString(0, length - 2));
                return true;
        }
    }

    private bool TakeHead()
    {
        var head = _text.ToString();
        _text.Clear();
        var kind = sink.OnHead(head, out _left);
        _startLineTold = false;
        if (kind == ContentEnd.None || (kind == ContentEnd.Length && _left == 0))
        {
            End("");
            return true;
        }
        _state = kind switch { ContentEnd.Length => State.Length, ContentEnd.Chunked => State.ChunkSize, _ => State.UntilClose };
        return false;
    }

    private void TakeSize()
    {
        var text = _text.ToString(0, _text.Length - 2);
        _text.Clear();
        if (!long.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _left) || _left < 0) Break($"a chunk of the size '{text}'");
        else _state = _left == 0 ? State.Trailers : State.ChunkData;
    }

    private void End(string trailers)
    {
        Reset();
        sink.OnEnd(trailers);
    }

    private void Break(string why)
    {
        Reset();
        _state = State.Broken;
        sink.OnMalformed(why);
    }
}

/// <summary>Fields of a head as text.</summary>
internal static class HeadText
{
    /// <summary>The value of a field's first line.</summary>
    public static string? Field(string head, string name)
    {
        for (var at = head.IndexOf("\r\n", StringComparison.Ordinal) + 2; at < head.Length - 2;)
        {
            var end = head.IndexOf("\r\n", at, StringComparison.Ordinal);
            if (end - at > name.Length && head[at + name.Length] == ':' && string.Compare(head, at, name, 0, name.Length, StringComparison.OrdinalIgnoreCase) == 0)
                return head[(at + name.Length + 1)..end].Trim();
            at = end + 2;
        }
        return null;
    }

    /// <summary>Whether a field has an element.</summary>
    public static bool Has(string head, string name, string element) =>
        Field(head, name) is { } value && value.Split(',').Any(part => part.Trim().Equals(element, StringComparison.OrdinalIgnoreCase));
}
