using System.Text;
using Cmi.Testing;

namespace Cmi.Tests.Harness;

/// <summary>Messages as text, for both sides.</summary>
internal static class Http
{
    public static string Get(string path, string fields = "") => Request("GET", path, fields);

    public static string Request(string method, string path, string fields = "") => $"{method} {path} HTTP/1.1\r\nHost: h\r\n{fields}\r\n";

    public static string Send(string method, string path, string content) => $"{Request(method, path, $"Content-Length: {content.Length}\r\n")}{content}";

    public static string Ok(string content = "", string fields = "") => $"HTTP/1.1 200 OK\r\nDate: D\r\n{fields}Content-Length: {content.Length}\r\n\r\n{content}";

    public static string OkHead(string fields) => $"HTTP/1.1 200 OK\r\nDate: D\r\n{fields}\r\n";

    /// <summary>The path that a request head asks for.</summary>
    public static string PathOf(string head) => head.Split(' ')[1];

    /// <summary>All replies in what a client has received; fails if bytes are left over.</summary>
    public static List<WireMessage> Replies(string received, bool ended = false)
    {
        var buffer = new WireBuffer();
        buffer.Feed(Encoding.Latin1.GetBytes(received));
        var replies = new List<WireMessage>();
        while (buffer.TakeReply(ended: ended) is { } reply) replies.Add(reply);
        Assert.That(buffer.Count, Is.Zero, $"left over behind {replies.Count} replies");
        return replies;
    }

    /// <summary>The only reply in what a client receives now.</summary>
    public static WireMessage ReceiveReply(this InMemoryPeer client)
    {
        var replies = Replies(client.ReceiveAll());
        Assert.That(replies, Has.Count.EqualTo(1));
        return replies[0];
    }

    /// <summary>Whether the gateway still has this connection open.</summary>
    public static bool IsOpen(this InMemoryPeer peer) => peer is { Ended: false, Reset: false };
}
