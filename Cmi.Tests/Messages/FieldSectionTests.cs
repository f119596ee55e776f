using Cmi.Messages;
using Cmi.Tests.Http1;
using NUnit.Framework;

namespace Cmi.Tests.Messages;

[TestFixture]
internal sealed class FieldSectionTests
{
    private static FieldSection Fields(string lines) => Raw.Response($"HTTP/1.1 200 OK\r\n{lines}\r\n").Fields;

    [Test]
    public void Has_KnowsOnlyWhatCame()
    {
        var fields = Fields("DATE: x\r\nX-Other: y\r\n");
        Assert.That(Enum.GetValues<FieldName>().Where(fields.Has), Is.EqualTo(new[] { FieldName.Other, FieldName.Date }));
    }

    [Test]
    public void First_IsTheFirstLineOfItsName()
    {
        var fields = Fields("Via: a\r\nDate: b\r\nVia: c\r\n");
        Assert.That((Raw.Text(fields.First(FieldName.Via)), Raw.Text(fields.First(FieldName.Date)), fields.First(FieldName.Host).Length),
            Is.EqualTo(("a", "b", 0)));
        Assert.That((fields.HasRepeated(FieldName.Via), fields.HasRepeated(FieldName.Date)), Is.EqualTo((true, false)));
    }

    [TestCase("Connection: close\r\n", true)]
    [TestCase("Connection: CLOSE\r\n", true)]
    [TestCase("Connection: a,close ,b\r\n", true)]
    [TestCase("Connection: a\r\nConnection: ,, \tclose\t\r\n", true)]
    [TestCase("Connection: closed, aclose, close;x, clo se\r\n", false)]
    [TestCase("Keep-Alive: close\r\n", false)]
    [TestCase("", false)]
    public void ListHas_ComparesElementsWithoutCase(string lines, bool expected) =>
        Assert.That(Fields(lines).ListHas(FieldName.Connection, "close"u8), Is.EqualTo(expected));

    [Test]
    public void PlaceBeyondTheCount_IsABug()
    {
        var fields = Fields("A: b\r\n");
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = fields[1]);
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = fields[-1]);
    }
}
