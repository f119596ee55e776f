using Cmi.Forwarding;
using Cmi.Tests.Http1;
using NUnit.Framework;

namespace Cmi.Tests.Forwarding;

[TestFixture]
internal sealed class MaxForwardsFieldTests
{
    [TestCase("TRACE", "Max-Forwards: 0\r\n", true)]
    [TestCase("OPTIONS", "Max-Forwards: 0\r\n", true)]
    [TestCase("OPTIONS", "Max-Forwards: 1\r\n", false)]
    [TestCase("OPTIONS", "Max-Forwards: x\r\n", false)]
    [TestCase("OPTIONS", "", false)]
    [TestCase("GET", "Max-Forwards: 0\r\n", false)]
    public void SpentRequest_GoesNoFurther(string method, string lines, bool expected) =>
        Assert.That(MaxForwardsField.IsSpent(Raw.Request($"{method} / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")), Is.EqualTo(expected));
}
