using Cmi.Tests.Http1;

namespace Cmi.Tests.Fuzz;

/// <summary>
/// Mutated messages through the readers, the decoders and the writers; what holds for them is said at <see cref="RequestProperties"/> and
/// <see cref="ReplyProperties"/>. The long run is a command in docs/reliability.md.
/// </summary>
[TestFixture]
internal sealed class ReaderFuzzTests
{
    private const int FixedMessages = 25_000;

    [TestCase(1)]
    [TestCase(2)]
    public void MutatedRequests_AreUnambiguous(int seed) => new FuzzRun(seed, ofReplies: false).Run(FuzzLength.Of(FixedMessages));

    [TestCase(1)]
    [TestCase(2)]
    public void MutatedReplies_AreUnambiguous(int seed) => new FuzzRun(seed, ofReplies: true).Run(FuzzLength.Of(FixedMessages));

    [Test]
    [Category("Slow")]
    public void MoreMutatedRequests_AreUnambiguous() => new FuzzRun(FuzzLength.Seed(), ofReplies: false).Run(FuzzLength.Asked("CMI_FUZZ_MESSAGES", 400_000));

    [Test]
    [Category("Slow")]
    public void MoreMutatedReplies_AreUnambiguous() => new FuzzRun(FuzzLength.Seed(), ofReplies: true).Run(FuzzLength.Asked("CMI_FUZZ_MESSAGES", 400_000));

    [TestCaseSource(nameof(RequestCases))]
    public void KnownRequest_IsUnambiguous(string text) => RequestProperties.Check(Raw.Bytes(text));

    [TestCaseSource(nameof(ReplyCases))]
    public void KnownReply_IsUnambiguous(string text) => ReplyProperties.Check(Raw.Bytes(text));

    /// <summary>Inputs that failed once, or nearly: the smallest of each.</summary>
    private static IEnumerable<string> RequestCases =>
    [
        "",
        "\r",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a?b HTTP/1.0\r\n\r\n",
        "OPTIONS http://a HTTP/1.1\r\nHost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 00002, 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0000000000000002;x\r\nab\r\n0\r\nT: u\r\n\r\nGET /",
    ];

    private static IEnumerable<string> ReplyCases =>
    [
        "",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n \t\r\n c\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n1\r\na\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 204 x\r\nContent-Length: 3\r\n\r\nabc",
        // In pieces it was too large before it was malformed.
        $"HTTP/1.1 200 z\r\nT{new string('a', 8200)}\tb: x\r\n",
        $"HTTP/1.1 200 z\r\nA\tb\r\nT: {new string('a', 8200)}",
    ];
}
