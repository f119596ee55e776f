using System.Text;
using Cmi.Messages;

namespace Cmi;

/// <summary>
/// Checks replies of servers before they leave: what its framing proves whole may still not be what the server meant to send. A reply that does not pass is
/// another attempt, or a 502; if it had begun to leave (see <see cref="ReplyOptions.Commit"/>) it is cut visibly.
/// <para>Threading: any loop, several at once; an <see cref="IReplyInspection"/> belongs to one loop.</para>
/// </summary>
public interface IReplyCheck
{
    /// <summary>Looks at the head of a reply with content, and decides whether its content is to be inspected.</summary>
    /// <param name="reply">The head; valid only during the call.</param>
    /// <returns>What the content is shown to; <see langword="null"/>: this reply is not checked.</returns>
    IReplyInspection? Begin(in ReplyFacts reply);
}

/// <summary>
/// One reply's content, piece by piece as it comes in. It is shown on the loop, so it must not wait and should do little at a time: a piece is 64 KiB at most.
/// Disposed when the reply has ended, however that was.
/// <para>Threading: one loop.</para>
/// </summary>
public interface IReplyInspection : IDisposable
{
    /// <summary>Looks at the next piece.</summary>
    /// <param name="content">Its bytes, without their framing; valid only during the call.</param>
    void Append(ReadOnlySpan<byte> content);

    /// <summary>Judges the reply: its framing says that it is whole.</summary>
    /// <returns>What is wrong with it, for logs; <see langword="null"/>: it passes.</returns>
    string? Judge();
}

/// <summary>What a check may know of a reply before its content. <para>Threading: the call that it is given to.</para></summary>
public readonly ref struct ReplyFacts
{
    private readonly FieldSection _fields;

    internal ReplyFacts(int status, bool isGet, FieldSection fields) => (Status, IsReplyToGet, _fields) = (status, isGet, fields);

    /// <summary>The status code.</summary>
    public int Status { get; }

    /// <summary>Whether the request was a GET.</summary>
    public bool IsReplyToGet { get; }

    /// <summary>Gives the value of a field; several lines of it are joined by commas (RFC 9110 §5.3).</summary>
    /// <param name="name">Its name, in ASCII; compared without case.</param>
    /// <returns>The value as bytes; <see langword="null"/> if there is no such field.</returns>
    public byte[]? Field(ReadOnlySpan<byte> name)
    {
        byte[]? value = null;
        for (var i = 0; i < _fields.Count; i++)
        {
            var field = _fields[i];
            if (!Ascii.EqualsIgnoreCase(_fields.NameOf(field), name)) continue;
            value = value is null ? _fields.ValueOf(field).ToArray() : [.. value, (byte)',', .. _fields.ValueOf(field)];
        }
        return value;
    }
}
