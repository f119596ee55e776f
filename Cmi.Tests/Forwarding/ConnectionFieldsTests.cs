using Cmi.Forwarding;
using Cmi.Messages;
using Cmi.Tests.Http1;
using NUnit.Framework;

namespace Cmi.Tests.Forwarding;

[TestFixture]
internal sealed class ConnectionFieldsTests
{
    [TestCase("Connection: X-A\r\n", "x-a", true)]
    [TestCase("Connection: close, x-a\r\n", "X-A", true)]
    [TestCase("Connection: close\r\nConnection: x-a\r\n", "X-A", true)]
    [TestCase("Connection: x-ab\r\n", "X-A", false)]
    [TestCase("Connection: close\r\n", "X-A", false)]
    [TestCase("", "X-A", false)]
    [TestCase("Connection: Date\r\n", "date", true)]
    [TestCase("Connection: Max-Forwards\r\n", "Max-Forwards", true)]
    public void NamedField_IsOfThisHop(string connection, string name, bool expected) => Assert.That(IsNamed(connection, name), Is.EqualTo(expected));

    [TestCase("Content-Length")]
    [TestCase("Authorization")]
    [TestCase("Cookie")]
    [TestCase("Forwarded")]
    [TestCase("X-Forwarded-For")]
    [TestCase("X-Forwarded-Proto")]
    [TestCase("X-Forwarded-Host")]
    [TestCase("Via")]
    public void FieldThatMuchRestsOn_IsNotRemovedByNamingIt(string name) =>
        Assert.That(IsNamed($"Connection: {name.ToLowerInvariant()}, {name}\r\n", name), Is.False);

    [TestCase("Host")]
    [TestCase("Transfer-Encoding")]
    public void FramingAndRouting_AreNotRemovedByNamingThem(string name)
    {
        var fields = Raw.Request($"GET / HTTP/1.1\r\nConnection: {name}\r\nTransfer-Encoding: chunked\r\nHost: a\r\n\r\n").Fields;
        Assert.That(Enumerable.Range(0, fields.Count).Any(i => ConnectionFields.Of(fields).Names(fields[i])), Is.False);
    }

    private static bool IsNamed(string connection, string name)
    {
        var fields = Raw.RequestWith($"{connection}{name}: 1\r\n").Fields;
        return ConnectionFields.Of(fields).Names(fields[fields.Count - 1]);
    }
}
