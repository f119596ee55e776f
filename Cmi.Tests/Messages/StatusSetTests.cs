using Cmi.Messages;

namespace Cmi.Tests.Messages;

public sealed class StatusSetTests
{
    [TestCase("", new int[0])]
    [TestCase("503", new[] { 503 })]
    [TestCase(" 429, 502-504 ", new[] { 429, 502, 503, 504 })]
    [TestCase("100,599", new[] { 100, 599 })]
    public void List_HasItsCodesAndNoOthers(string text, int[] codes)
    {
        Assert.That(StatusSet.TryParse(text, out var set));
        Assert.That(Enumerable.Range(0, 1000).Where(set.Has), Is.EqualTo(codes));
        Assert.That(set.IsEmpty, Is.EqualTo(codes.Length == 0));
    }

    [TestCase("99")]
    [TestCase("600")]
    [TestCase("5xx")]
    [TestCase("504-502")]
    [TestCase("200-")]
    [TestCase("200,,201")]
    [TestCase("-200")]
    public void NotSuchAList_IsRefused(string text) => Assert.That(StatusSet.TryParse(text, out _), Is.False);
}
