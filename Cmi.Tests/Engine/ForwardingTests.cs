using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

public sealed class ForwardingTests
{
    [Test]
    public async Task Get_IsForwardedAndAnswered()
    {
        await using var gateway = new TestGateway(servers: 1);
        var client = gateway.Connect();
        client.Send("GET /a?b HTTP/1.1\r\nHost: example\r\n\r\n");
        gateway.Run();
        var server = gateway.At(server: 1);
        Assert.That(server.ReceiveText(), Is.EqualTo(
            "GET /a?b HTTP/1.1\r\nHost: example\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: example\r\nVia: 1.1 cmi\r\n\r\n"));
        server.Send("HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 5\r\n\r\nhello");
        Assert.That(client.ReceiveAll(), Is.EqualTo("HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 5\r\n\r\nhello"));
        Assert.That(gateway.Store.Made, Is.Zero, "a small reply needs no store");
    }

    [TestCase(1)]
    [TestCase(3)]
    [TestCase(int.MaxValue)]
    public async Task ReplyOfUnknownLength_IsMeasured(int maxReceive)
    {
        await using var gateway = new TestGateway(servers: 1, transport: new() { MaxReceive = maxReceive });
        var client = gateway.Connect();
        for (var i = 0; i < 3; i++)
        {
            client.Send("GET / HTTP/1.1\r\nHost: example\r\n\r\n");
            gateway.Run();
            var server = gateway.At(server: 1, connection: i + 1);
            server.Send("HTTP/1.1 200 OK\r\nDate: D\r\nConnection: close\r\n\r\nhello");
            gateway.Run();
            Assert.That(client.Available, Is.Zero, "not before it is whole");
            server.Close();
            Assert.That(client.ReceiveAll(), Is.EqualTo("HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 5\r\n\r\nhello"));
        }
        Assert.That(client.Ended, Is.False);
    }
}
