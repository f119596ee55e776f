using Cmi.Messages;
using Cmi.Tests.Http1;
using NUnit.Framework;

namespace Cmi.Tests.Messages;

[TestFixture]
internal sealed class MethodTests
{
    [TestCase("GET", Method.Get, true, true)]
    [TestCase("HEAD", Method.Head, true, true)]
    [TestCase("OPTIONS", Method.Options, true, true)]
    [TestCase("TRACE", Method.Trace, true, true)]
    [TestCase("PUT", Method.Put, false, true)]
    [TestCase("DELETE", Method.Delete, false, true)]
    [TestCase("POST", Method.Post, false, false)]
    [TestCase("PATCH", Method.Patch, false, false)]
    [TestCase("CONNECT", Method.Connect, false, false)]
    [TestCase("BREW", Method.Other, false, false)]
    [TestCase("Get", Method.Other, false, false)]
    [TestCase("put", Method.Other, false, false)]
    [TestCase("GETS", Method.Other, false, false)]
    [TestCase("", Method.Other, false, false)]
    public void Name_TellsWhatMayBeDone(string name, Method expected, bool safe, bool idempotent)
    {
        var method = MethodExtensions.Parse(Raw.Bytes(name));
        Assert.That((method, method.IsSafe, method.IsIdempotent), Is.EqualTo((expected, safe, idempotent)));
    }
}
