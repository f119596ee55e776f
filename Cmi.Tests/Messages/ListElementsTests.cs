using Cmi.Messages;
using Cmi.Tests.Http1;
using NUnit.Framework;

namespace Cmi.Tests.Messages;

[TestFixture]
internal sealed class ListElementsTests
{
    [TestCase("", "[]")]
    [TestCase("a", "[a]")]
    [TestCase("a,b", "[a][b]")]
    [TestCase(" a \t,\tb c , ", "[a][b c][]")]
    [TestCase(",,", "[][][]")]
    public void Value_IsCutAtCommas(string value, string expected)
    {
        var found = "";
        foreach (var element in new ListElements(Raw.Bytes(value))) found += $"[{Raw.Text(element)}]";
        Assert.That(found, Is.EqualTo(expected));
    }
}
