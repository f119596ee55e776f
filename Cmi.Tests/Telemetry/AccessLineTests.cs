using System.Text;
using System.Text.Json;
using Cmi.Http1;
using Cmi.Telemetry;

namespace Cmi.Tests.Telemetry;

public sealed class AccessLineTests
{
    [Test]
    public void Template_WritesEachValueInItsPlace() => Assert.That(
        Template("""{client} "{method} {target} HTTP/{version}" {status} {bytes_in}/{bytes_out} {queue_ms}+{total_ms} {server} {group} {attempts} {end} {{x}} {field:user-agent}""", "GET /a?b HTTP/1.1\r\nHost: h\r\nUser-Agent: me\r\n"),
        Is.EqualTo("""192.0.2.1 "GET /a?b HTTP/1.1" 200 5/7 250.000+1500.000 http://10.0.0.1:80 default 1 whole {x} me"""));

    [Test]
    public void Template_WritesADashForWhatIsNotThere() =>
        Assert.That(Template("{method} {path} {version} {field:referer} {trace} {reason}", ""), Is.EqualTo("- - - - - -"));

    [Test]
    public void Json_WhatWasNoRequest_HasNoVersion() => Assert.That(Json(""), Does.Not.Contain("version").And.Not.Contain("method"));

    [Test]
    public void Template_PathIsWithoutTheQuery() => Assert.That(Template("{path}", "GET /a?password=1 HTTP/1.1\r\n"), Is.EqualTo("/a"));

    [Test]
    public void Template_EscapesWhatCouldEndALineOrQuotes() =>
        Assert.That(Template("\"{target}\"", "GET /a\"\\\u0001\u007f\u00e9\t HTTP/1.1\r\n"), Is.EqualTo("\"/a\\x22\\x5C\\x01\\x7F\\xE9\\x09\""));

    [Test]
    public void EveryByte_StaysOnOneLineInBothFormats()
    {
        for (var octet = 0; octet < 256; octet++)
        {
            if (octet is ' ' or '\r' or '\n') continue;             // no reader lets these into a target
            var head = $"GET /{(char)octet} HTTP/1.1\r\nUser-Agent: {(char)octet}\r\n";
            foreach (var line in new[] { Template("{target} {field:user-agent}", head), Json(head) })
                Assert.That(!line.Any(char.IsControl), $"byte {octet}: {line}");
            using var parsed = JsonDocument.Parse(Json(head));
            Assert.That(parsed.RootElement.GetProperty("target").GetString(), Is.EqualTo($"/{(char)octet}"));
        }
    }

    [Test]
    public void Json_HasTheValuesOfARecord()
    {
        using var parsed = JsonDocument.Parse(Json("GET /a?b HTTP/1.1\r\nHost: h\r\nReferer: r\r\n"));
        var line = parsed.RootElement;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(line.GetProperty("time").GetDateTimeOffset(), Is.EqualTo(DateTimeOffset.UnixEpoch));
            Assert.That(line.GetProperty("client").GetString(), Is.EqualTo("192.0.2.1"));
            Assert.That(line.GetProperty("target").GetString(), Is.EqualTo("/a?b"));
            Assert.That(line.GetProperty("host").GetString(), Is.EqualTo("h"));
            Assert.That(line.GetProperty("status").GetInt32(), Is.EqualTo(200));
            Assert.That(line.GetProperty("queue_ms").GetDouble(), Is.EqualTo(250));
            Assert.That(line.GetProperty("server").GetString(), Is.EqualTo("http://10.0.0.1:80"));
            Assert.That(line.GetProperty("end").GetString(), Is.EqualTo("whole"));
            Assert.That(line.TryGetProperty("user_agent", out _), Is.False);
        }
    }

    [Test]
    public void Json_LeavesOutWhatIsNotThere() => Assert.That(Json("GET /a HTTP/1.1\r\n"), Is.EqualTo(
        """{"time":"1970-01-01T00:00:00.0000000Z","id":1,"client":"192.0.2.1","method":"GET","target":"/a","version":"1.1","status":200,"bytes_in":5,"bytes_out":7"""
        + ""","head_ms":0.000,"content_ms":0.000,"queue_ms":250.000,"connect_ms":0.000,"server_head_ms":0.000,"server_content_ms":0.000,"server_held_ms":0.000"""
        + ""","held_ms":0.000,"client_ms":0.000,"total_ms":1500.000,"group":"default","server":"http://10.0.0.1:80","attempts":1,"end":"whole"}"""));

    [Test]
    public void Json_EscapesLongValuesWhole()
    {
        var target = "/" + string.Concat(Enumerable.Repeat("\"ü\\", 300));                // beyond any piece that is escaped at once
        using var parsed = JsonDocument.Parse(Json(Encoding.Latin1.GetString(Encoding.UTF8.GetBytes($"GET {target} HTTP/1.1\r\n"))));
        Assert.That(parsed.RootElement.GetProperty("target").GetString(), Is.EqualTo(target));
    }

    [TestCase(0, "0.000")]
    [TestCase(4, "0.000")]
    [TestCase(5, "0.001")]
    [TestCase(12_345, "1.235")]
    [TestCase(600_000_000, "60000.000")]
    public void Times_AreRoundedToMicroseconds(long ticks, string text)
    {
        var into = new HeadBuffer();
        AccessLine.WriteMilliseconds(new(ticks), into);
        Assert.That(AccessLine.IsZero(new(ticks)), Is.EqualTo(text == "0.000"));
        Assert.That(Encoding.ASCII.GetString(into.Written), Is.EqualTo(text));
    }

    [Test]
    public void Json_Utf8StaysAsItIs()
    {
        using var parsed = JsonDocument.Parse(Json(Encoding.Latin1.GetString(Encoding.UTF8.GetBytes("GET /ü€ HTTP/1.1\r\n"))));
        Assert.That(parsed.RootElement.GetProperty("target").GetString(), Is.EqualTo("/ü€"));
    }

    [TestCase("{nothing}", "names {nothing}")]
    [TestCase("{status", "without its }")]
    [TestCase("status}", "without its {")]
    [TestCase("{status}\n", "control characters")]
    [TestCase("{field:}", "names {field:}")]
    [TestCase("", "empty")]
    public void TemplateThatCannotWork_SaysWhy(string template, string why)
    {
        Assert.That(TemplateAccessLine.TryParse(template, out _, out var fault), Is.False);
        Assert.That(fault, Does.Contain(why));
    }

    private static string Template(string template, string head)
    {
        Assert.That(TemplateAccessLine.TryParse(template, out var format, out var fault), fault);
        return Line(format!, head);
    }

    private static string Json(string head) => Line(new JsonAccessLine(), head);

    private static string Line(IAccessLineFormat format, string head)
    {
        var into = new HeadBuffer();
        format.Write(Entry(Encoding.Latin1.GetBytes(head)), into);
        return Encoding.UTF8.GetString(into.Written);
    }

    internal static AccessLogEntry Entry(byte[] head) => new()
    {
        Time = DateTimeOffset.UnixEpoch, Id = 1, Client = "192.0.2.1"u8, RequestHead = head, ClientMinorVersion = 1, Status = 200, RequestBytes = 5, ReplyBytes = 7,
        Group = "default", Server = "http://10.0.0.1:80", Attempts = 1, End = ExchangeEnd.Whole, Reason = "",
        Times = new ExchangeTimes { Queue = TimeSpan.FromMilliseconds(250), Total = TimeSpan.FromMilliseconds(1500) },
    };
}
