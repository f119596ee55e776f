using Cmi.Forwarding;
using Cmi.Tests.Http1;
using NUnit.Framework;

namespace Cmi.Tests.Forwarding;

[TestFixture]
internal sealed class UpgradeFieldTests
{
    private const string Asked = "Connection: Upgrade\r\nUpgrade: websocket\r\n";

    [TestCase("HTTP/1.1", Asked, true)]
    [TestCase("HTTP/1.1", "Connection: keep-alive, upgrade\r\nUpgrade: h2c, WebSocket\r\n", true)]
    [TestCase("HTTP/1.0", Asked, false)]
    [TestCase("HTTP/1.1", "Upgrade: websocket\r\n", false)]
    [TestCase("HTTP/1.1", "Connection: Upgrade\r\n", false)]
    [TestCase("HTTP/1.1", "Connection: Upgrade\r\nUpgrade:\r\n", false)]
    [TestCase("HTTP/1.1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n", false)]
    public void Upgrade_IsPassedOnWhereItCounts(string version, string lines, bool expected) =>
        Assert.That(UpgradeField.IsAsked(Raw.Request($"GET / {version}\r\nHost: a\r\n{lines}\r\n")), Is.EqualTo(expected));

    [TestCase(Asked, "Upgrade: WebSocket\r\n", true)]
    [TestCase(Asked, "Upgrade: other\r\n", false)]
    [TestCase(Asked, "", false)]
    [TestCase("Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n", "Upgrade: h2c\r\n", false)]
    [TestCase("Upgrade: websocket\r\n", "Upgrade: websocket\r\n", false)]
    public void Switch_IsValidToWhatWasAskedFor(string asked, string answered, bool expected) =>
        Assert.That(UpgradeField.IsAnswered(Raw.Response($"HTTP/1.1 101 x\r\n{answered}\r\n"), Raw.RequestWith(asked)), Is.EqualTo(expected));
}
