using Cmi.Http1;
using Cmi.Messages;
using Cmi.Tests.Harness;
using NUnit.Framework;

namespace Cmi.Tests.Http1;

[TestFixture]
internal sealed class ResponseReaderTests
{
    [Test]
    public void WholeHead_GivesItsParts()
    {
        const string text = "HTTP/1.1 404 Not \u00e9 Found\r\nA: 1\r\nB:2\r\n\r\n";
        var (status, head, consumed, error) = Raw.ReadResponse(text + "content");
        using var _ = Assert.EnterMultipleScope();
        Assert.That((status, consumed, error), Is.EqualTo((ReadStatus.Done, text.Length, ProtocolError.None)));
        Assert.That((head.Status, head.MinorVersion, Raw.Text(head.Reason)), Is.EqualTo((404, 1, "Not \u00e9 Found")));
        Assert.That(Raw.Lines(head.Fields), Is.EqualTo(new[] { "A: 1", "B: 2" }));
    }

    [TestCase("HTTP/1.0 200 OK", 0, 200, "OK")]
    [TestCase("HTTP/1.2 599 a  b\tc", 1, 599, "a  b\tc")]
    [TestCase("HTTP/1.1 100 ", 1, 100, "")]
    [TestCase("HTTP/1.1 200", 1, 200, "")]
    public void WellFormedLine_Passes(string line, int minor, int status, string reason)
    {
        var head = Raw.Response($"{line}\r\n\r\n");
        Assert.That((head.MinorVersion, head.Status, Raw.Text(head.Reason)), Is.EqualTo((minor, status, reason)));
    }

    [TestCase("HTTP/1.1 099 x")]
    [TestCase("HTTP/1.1 600 x")]
    [TestCase("HTTP/1.1 000 x")]
    [TestCase("HTTP/1.1 20 x")]
    [TestCase("HTTP/1.1 2000 x")]
    [TestCase("HTTP/1.1 2x0 x")]
    [TestCase("HTTP/1.1 +20 x")]
    [TestCase("HTTP/1.1  200 x")]
    [TestCase("HTTP/1.1 200\tx")]
    [TestCase("HTTP/1.1\t200 x")]
    [TestCase("HTTP/1.1")]
    [TestCase("HTTP/2.0 200 OK")]
    [TestCase("HTTP/2 200 OK")]
    [TestCase("HTTP/0.9 200 OK")]
    [TestCase("HTTP/1.x 200 OK")]
    [TestCase("http/1.1 200 OK")]
    [TestCase("ICY 200 OK")]
    [TestCase("<html>")]
    [TestCase("")]
    [TestCase(" HTTP/1.1 200 OK")]
    [TestCase("HTTP/1.1 200 a\0b")]
    [TestCase("HTTP/1.1 200 a\rb")]
    [TestCase("HTTP/1.1 200 a\u007fb")]
    public void MalformedLine_IsRefused(string line) => Refused($"{line}\r\n\r\n", ProtocolError.BadStatusLine);

    [Test]
    public void EmptyLineBefore_IsRefused() => Refused("\r\nHTTP/1.1 200 OK\r\n\r\n", ProtocolError.BadStatusLine);

    [Test]
    public void BareLineFeedAtEndOfLine_IsRefused() => Refused("HTTP/1.1 200 OK\n\r\n", ProtocolError.BadStatusLine);

    [TestCase("h")]
    [TestCase("<")]
    [TestCase("HTTQ")]
    [TestCase("HTTP/2")]
    [TestCase("HTTP/1.1 6")]
    [TestCase("HTTP/1.1 20\r")]
    [TestCase("HTTP/1.1 200x")]
    [TestCase("HTTP/1.1 200 \0")]
    [TestCase("\u0015\u0003\u0001")]
    public void WhatIsNoResponse_IsRefusedAtOnce(string part) => Refused(part, ProtocolError.BadStatusLine);

    [TestCase("")]
    [TestCase("H")]
    [TestCase("HTTP/1.")]
    [TestCase("HTTP/1.1 20")]
    [TestCase("HTTP/1.1 200\r")]
    [TestCase("HTTP/1.1 200 O")]
    [TestCase("HTTP/1.1 200 OK\r\n")]
    [TestCase("HTTP/1.1 200 OK\r\nA: b\r\n")]
    [TestCase("HTTP/1.1 200 OK\r\nA: b\r\n \r\n")]
    [TestCase("HTTP/1.1 200 OK\r\nA: b\r\n\r")]
    public void IncompleteHead_NeedsMore(string text)
    {
        var (status, _, consumed, error) = Raw.ReadResponse(text);
        Assert.That((status, consumed, error), Is.EqualTo((ReadStatus.NeedMore, 0, ProtocolError.None)));
    }

    [TestCase("A : b", "A: b")]
    [TestCase("A \t : b", "A: b")]
    [TestCase("A: b\r\n c", "A: b   c")]
    [TestCase("A: b \r\n\tc", "A: b    c")]
    [TestCase("A: b\r\n \t \r\n\t c", "A: b         c")]
    [TestCase("A:\r\n b", "A: b")]
    [TestCase("A: b\r\n ", "A: b")]
    [TestCase("Content-Length : 5", "Content-Length: 5")]
    [TestCase("Content-Length:\r\n 5", "Content-Length: 5")]
    public void BlankBeforeColonAndFold_AreMended(string lines, string expected)
    {
        var head = Raw.Response($"HTTP/1.1 200 OK\r\n{lines}\r\nZ: z\r\n\r\n");
        Assert.That(Raw.Lines(head.Fields), Is.EqualTo(new[] { expected, "Z: z" }));
    }

    [TestCase(" A: b", ProtocolError.BadFieldLine, TestName = "ResponseWithBlankBeforeFirstField_IsRefused")]
    [TestCase("A b: c", ProtocolError.BadFieldName, TestName = "ResponseWithBlankInName_IsRefused")]
    [TestCase("A", ProtocolError.BadFieldLine, TestName = "ResponseWithoutColon_IsRefused")]
    [TestCase(": b", ProtocolError.BadFieldName, TestName = "ResponseWithEmptyName_IsRefused")]
    [TestCase("A: \0", ProtocolError.BadFieldValue, TestName = "ResponseWithNul_IsRefused")]
    [TestCase("A: b\rc", ProtocolError.BadFieldValue, TestName = "ResponseWithBareCarriageReturn_IsRefused")]
    [TestCase("A: b\r\n c\0", ProtocolError.BadFieldValue, TestName = "ResponseWithNulInFold_IsRefused")]
    [TestCase("A: b\nB: c", ProtocolError.BadFieldLine, TestName = "ResponseWithBareLineFeed_IsRefused")]
    public void MalformedField_IsRefused(string lines, ProtocolError error) => Refused($"HTTP/1.1 200 OK\r\n{lines}\r\n\r\n", error);

    [Test]
    public void EndlessHead_IsTooLarge() => Refused("HTTP/1.1 200 OK\r\nA: " + new string('x', Raw.Limits.MaxBytes), ProtocolError.HeadTooLarge);

    [Test]
    public void EndlessReason_IsTooLarge() => Refused("HTTP/1.1 200 " + new string('x', Raw.Limits.MaxBytes), ProtocolError.HeadTooLarge);

    [Test]
    public void EndlessFields_AreTooMany() =>
        Refused("HTTP/1.1 200 OK\r\n" + string.Concat(Enumerable.Repeat("A:\r\n", Raw.Limits.MaxFields + 1)), ProtocolError.TooManyFields);

    [Test]
    public void ReadingAndWritingTheSameHeadAgain_AllocatesNothing()
    {
        var text = Raw.Bytes("HTTP/1.1 200 OK\r\nA : b\r\n c\r\nConnection: x\r\nTransfer-Encoding: chunked\r\n\r\n");
        var head = new ResponseHead();
        var into = new HeadBuffer();
        var scanned = 0;
        Pass();
        Assert.That(Allocations.Least(() =>
        {
            for (var i = 0; i < 100; i++) Pass();
        }), Is.Zero);

        void Pass()
        {
            into.Reset();
            ResponseReader.Read(text, ref scanned, Raw.Limits, head, out _, out _);
            MessageFraming.TryOfResponse(head, Method.Get, out var framing, out _);
            ResponseHeadWriter.WriteHead(into, head, "date"u8);
            ResponseHeadWriter.WriteEnd(into, MessageFraming.ToClient(framing, null, Method.Get, 200, 1), persistent: true, 1);
        }
    }

    private static void Refused(string text, ProtocolError expected)
    {
        var (status, _, consumed, error) = Raw.ReadResponse(text);
        Assert.That((status, consumed, error), Is.EqualTo((ReadStatus.Invalid, 0, expected)));
    }
}
