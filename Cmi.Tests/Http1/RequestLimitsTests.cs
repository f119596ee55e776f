using Cmi.Http1;
using Cmi.Messages;
using Cmi.Tests.Harness;
using NUnit.Framework;

namespace Cmi.Tests.Http1;

/// <summary>What is too large, and what is refused before the head is complete.</summary>
[TestFixture]
internal sealed class RequestLimitsTests
{
    private static readonly HeadLimits Small = new(MaxBytes: 100, MaxLineBytes: 30, MaxFields: 3);

    private static string Line(int length) => "GET /".PadRight(length - " HTTP/1.1".Length, 'a') + " HTTP/1.1";

    [Test]
    public void LineOfTheLimit_Passes() => Assert.That(Read(Line(30) + "\r\nHost: a\r\n\r\n"), Is.EqualTo((ReadStatus.Done, ProtocolError.None)));

    [TestCase("\r\nHost: a\r\n\r\n")]
    [TestCase("\r\n")]
    [TestCase("\r")]
    [TestCase("")]
    public void LineBeyondTheLimit_IsTooLongWhateverFollows(string rest) =>
        Assert.That(Read(Line(31) + rest), Is.EqualTo((ReadStatus.Invalid, ProtocolError.RequestLineTooLong)));

    [Test]
    public void IncompleteLineOfTheLimit_MayStillEnd()
    {
        Assert.That(Read(Line(30)), Is.EqualTo((ReadStatus.NeedMore, ProtocolError.None)));
        Assert.That(Read(Line(30) + "\r"), Is.EqualTo((ReadStatus.NeedMore, ProtocolError.None)));
    }

    [TestCase("")]
    [TestCase("\r\n")]
    public void HeadOfTheLimit_Passes(string before) => Assert.That(Read(before + Head(100)), Is.EqualTo((ReadStatus.Done, ProtocolError.None)));

    [TestCase("")]
    [TestCase("\r\n")]
    public void HeadBeyondTheLimit_IsTooLarge(string before) =>
        Assert.That(Read(before + Head(101)), Is.EqualTo((ReadStatus.Invalid, ProtocolError.HeadTooLarge)));

    [Test]
    public void IncompleteHeadOfTheLimit_IsTooLarge()
    {
        Assert.That(Read(Head(102)[..99]), Is.EqualTo((ReadStatus.NeedMore, ProtocolError.None)));
        Assert.That(Read(Head(102)[..100]), Is.EqualTo((ReadStatus.Invalid, ProtocolError.HeadTooLarge)));
    }

    [Test]
    public void BytesBehindTheHead_DoNotCount() =>
        Assert.That(Read(Head(100) + new string('x', 1000)), Is.EqualTo((ReadStatus.Done, ProtocolError.None)));

    [Test]
    public void FieldsBeyondTheLimit_AreTooMany()
    {
        Assert.That(Read("GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\n\r\n"), Is.EqualTo((ReadStatus.Done, ProtocolError.None)));
        Assert.That(Read("GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\nC"), Is.EqualTo((ReadStatus.Invalid, ProtocolError.TooManyFields)));
    }

    [TestCase("\u0016\u0003\u0001\u0002\0\u0001", ProtocolError.BadRequestLine, TestName = "TlsClientHello_IsRefusedAtOnce")]
    [TestCase("\u0016", ProtocolError.BadRequestLine, TestName = "FirstByteOfTls_IsRefusedAtOnce")]
    [TestCase("PRI * HTTP/2.0\r\n", ProtocolError.VersionNotSupported, TestName = "PrefaceOfHttp2_IsRefusedAtOnce")]
    [TestCase("\0", ProtocolError.BadRequestLine, TestName = "Nul_IsRefusedAtOnce")]
    [TestCase("{\"a\"", ProtocolError.BadRequestLine, TestName = "Json_IsRefusedAtOnce")]
    [TestCase(" GET", ProtocolError.BadRequestLine, TestName = "LeadingSpace_IsRefusedAtOnce")]
    [TestCase("GET /\u00e9", ProtocolError.BadRequestLine, TestName = "NonAsciiTarget_IsRefusedAtOnce")]
    [TestCase("GET /\rx", ProtocolError.BadRequestLine, TestName = "BareCarriageReturn_IsRefusedAtOnce")]
    [TestCase("GET / HTTP/1.1\n", ProtocolError.BadRequestLine, TestName = "BareLineFeed_IsRefusedAtOnce")]
    [TestCase("HELO mail.example\r\n", ProtocolError.BadRequestLine, TestName = "MailGreeting_IsRefusedAtOnce")]
    public void WhatIsNoRequest_DoesNotWaitForATimeout(string text, ProtocolError error)
    {
        Assert.That(Read(text), Is.EqualTo((ReadStatus.Invalid, error)));
        Assert.That(ReadByteByByte(text), Is.EqualTo(ReadStatus.Invalid));
    }

    [TestCase("HEAD / HTTP/1.1\r\nHost: b\r\nX : y", Method.Head, 1, TestName = "RefusedField_LeavesMethodAndVersionForTheAnswer")]
    [TestCase("HEAD x HTTP/1.0\r\n", Method.Head, 0, TestName = "RefusedTarget_LeavesMethodAndVersionForTheAnswer")]
    [TestCase("HEAD / HTTP/3.0\r\n", Method.Head, 0, TestName = "RefusedVersion_LeavesTheMethodForTheAnswer")]
    [TestCase("\0", Method.Other, 0, TestName = "RefusedByte_LeavesNothing")]
    public void Refusal_ShowsNothingOfTheLastRequest(string text, Method method, int minor)
    {
        var head = new RequestHead();
        var scanned = 0;
        RequestReader.Read(Raw.Bytes("GET /last HTTP/1.1\r\nHost: a\r\n\r\n"), ref scanned, Small, head, out _, out _);
        Assert.That(RequestReader.Read(Raw.Bytes(text), ref scanned, Small, head, out _, out _), Is.EqualTo(ReadStatus.Invalid));
        Assert.That((head.Method, head.MinorVersion), Is.EqualTo((method, minor)));
    }

    [Test]
    public void HeadThatBecomesTooLarge_LeavesMethodAndVersionForTheAnswer()
    {
        var text = Raw.Bytes("HEAD / HTTP/1.1\r\nHost: a\r\nX: " + new string('x', 100));
        var scanned = 50;
        var head = new RequestHead();
        Assert.That(RequestReader.Read(text, ref scanned, Small, head, out _, out var error), Is.EqualTo(ReadStatus.Invalid));
        Assert.That((error, head.Method, head.MinorVersion, scanned), Is.EqualTo((ProtocolError.HeadTooLarge, Method.Head, 1, 0)));
    }

    [Test]
    public void BareLineFeedsThatComeByteByByte_AreRefusedWhenTheyCome() =>
        Assert.That(ReadByteByByte("GET / HTTP/1.1\r\nHost: a\n"), Is.EqualTo(ReadStatus.Invalid));

    [Test]
    public void HeadThatComesByteByByte_IsDoneAtItsLastByteOnly()
    {
        var text = Raw.Bytes("\r\nGET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n");
        var scanned = 0;
        var head = new RequestHead();
        for (var length = 1; length < text.Length; length++)
        {
            Assert.That(RequestReader.Read(text.AsMemory(0, length), ref scanned, Small, head, out _, out _), Is.EqualTo(ReadStatus.NeedMore));
            Assert.That(scanned, Is.EqualTo(length));
        }
        Assert.That(RequestReader.Read(text, ref scanned, Small, head, out var consumed, out _), Is.EqualTo(ReadStatus.Done));
        Assert.That((consumed, scanned), Is.EqualTo((text.Length, 0)));
    }

    [Test]
    public void ReadingTheSameHeadAgain_AllocatesNothing()
    {
        var lines = string.Concat(Enumerable.Range(0, 60).Select(i => $"X-{i}: {i}\r\n"));
        var text = Raw.Bytes($"GET http://b?c HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        var head = new RequestHead();
        var scanned = 0;
        Read();
        Assert.That(Allocations.Least(() =>
        {
            for (var i = 0; i < 100; i++) Read();
        }), Is.Zero);

        void Read()
        {
            if (RequestReader.Read(text, ref scanned, Raw.Limits, head, out _, out _) != ReadStatus.Done) throw new InvalidOperationException();
        }
    }

    private static string Head(int length) => "GET / HTTP/1.1\r\nHost: a\r\nX: ".PadRight(length - 4, 'x') + "\r\n\r\n";

    private static (ReadStatus Status, ProtocolError Error) Read(string text)
    {
        var (status, _, _, error) = Raw.ReadRequest(text, Small);
        return (status, error);
    }

    private static ReadStatus ReadByteByByte(string text)
    {
        var bytes = Raw.Bytes(text);
        var status = ReadStatus.NeedMore;
        for (int length = 1, scanned = 0; length <= bytes.Length && status == ReadStatus.NeedMore; length++)
            status = RequestReader.Read(bytes.AsMemory(0, length), ref scanned, Small, new RequestHead(), out _, out _);
        return status;
    }
}
