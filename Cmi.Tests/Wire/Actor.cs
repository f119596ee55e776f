using System.Globalization;
using System.Text.RegularExpressions;
using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Wire;

/// <summary>Something is not as a transcript says.</summary>
internal sealed class WireException(string message) : Exception(message);

/// <summary>A client, or a server's end of one connection: what it has received and no step has looked at yet.</summary>
internal sealed partial class Actor(TestGateway gateway, InMemoryPeer peer, Tearing tearing)
{
    private string _received = "";

    /// <summary>Sends bytes in pieces, then ends; the last piece and the end arrive together.</summary>
    public void Send(string text, string end)
    {
        foreach (var piece in tearing.Pieces(text).SkipLast(1))
        {
            peer.Send(piece);
            gateway.Run();
        }
        if (tearing.Pieces(text).LastOrDefault() is { } last) peer.Send(last);
        switch (end)
        {
            case "ends":
                peer.EndSending();
                break;
            case "closes":
                peer.Close();
                break;
            case "resets":
                peer.Abort();
                break;
        }
        gateway.Run();
    }

    /// <summary>What has arrived and was not expected by any step.</summary>
    public string Unseen() => _received += peer.ReceiveAll();

    /// <summary>Sees that some bytes have arrived, and no others where all are meant.</summary>
    public void Expect(string expected, bool all)
    {
        var actual = Unseen();
        if (!WireMatch.Starts(expected, actual, gateway.Transport.Crank.Time.GetUtcNow(), out var length) || (all && length < actual.Length))
            throw new WireException($"Expected:\n{WireText.Show(expected)}\nbut it was, behind {length} bytes as expected in:\n{WireText.Show(actual)}\nthis:\n{WireText.Show(actual[length..])}\n{State}");
        _received = actual[length..];
    }

    /// <summary>Takes one request without content, of which only the method and target matter.</summary>
    public void TakeRequest(string request)
    {
        var end = Unseen().IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4;
        if (end < 4 || !_received.StartsWith($"{request} HTTP/1.1\r\n", StringComparison.Ordinal)) throw new WireException($"It got:\n{WireText.Show(_received)}\n{State}");
        if (_received[..end].Contains("Content-Length", StringComparison.Ordinal) || _received[..end].Contains("Transfer-Encoding", StringComparison.Ordinal))
            throw new WireException($"The request has content:\n{WireText.Show(_received)}");
        _received = _received[end..];
    }

    /// <summary>Takes one reply of the gateway's own, whatever it explains.</summary>
    public void TakeOwn(string status, bool persists)
    {
        var match = OwnPattern().Match(Unseen());
        var end = match.Success ? match.Length + int.Parse(match.Groups["length"].Value, CultureInfo.InvariantCulture) : -1;
        var connection = match.Groups["connection"].Value;
        if (!match.Success || match.Groups["status"].Value != status || connection != (persists ? "" : "close") || end > _received.Length)
            throw new WireException($"It got:\n{WireText.Show(_received)}\n{State}");
        if (status == "503" && !match.Groups["retry"].Success) throw new WireException("A 503 must say when to try again.");
        _received = _received[end..];
    }

    /// <summary>Sees how the connection stands for this end.</summary>
    public void ExpectState(string state)
    {
        _ = Unseen();
        var holds = state switch
        {
            "open" => !peer.Ended && !peer.Reset,
            "closed" => peer.Ended,
            "reset" => peer.Reset,
            "gone" => peer.Ended || peer.Reset,
            _ => throw new FormatException($"'{state}' is not open, closed, reset or gone."),
        };
        if (!holds) throw new WireException(State);
    }

    private string State => peer.Reset ? $"The connection is reset: {peer.ResetReason}." : peer.Ended ? "The connection is closed." : "The connection is open.";

    [GeneratedRegex("^HTTP/1\\.1 (?<status>[0-9]{3}) [^\r\n]+\r\nDate: [^\r\n]{29}\r\nContent-Type: text/plain; charset=utf-8\r\n(?<retry>Retry-After: [0-9]+\r\n)?Content-Length: (?<length>[0-9]+)\r\n(Connection: (?<connection>[^\r\n]+)\r\n)?\r\n")]
    private static partial Regex OwnPattern();
}
