using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine;

/// <summary>What the engine lets go of when it is asked to.</summary>
public sealed class MemoryTests
{
    [Test]
    public async Task Trim_LetsGoOfWhatIsKept_AndServesOn()
    {
        await using var gateway = new TestGateway(servers: 1);
        gateway.AnswerAll(_ => Http.Ok(new('x', 100_000)));
        var client = gateway.Connect();
        client.Send(Http.Get("/1"));
        Assert.That(client.ReceiveReply().Content, Has.Length.EqualTo(100_000));
        var loop = gateway.Engine.Loops[0];
        var block = loop.Memory.Rent(5000);
        loop.Memory.Return(block);
        Assert.That(loop.Memory.Rent(5000), Is.SameAs(block), "it is not kept");
        loop.Memory.Return(block);

        var trimmed = Trim(gateway);

        Assert.That(trimmed.IsCompletedSuccessfully);
        var another = loop.Memory.Rent(5000);
        Assert.That(another, Is.Not.SameAs(block));
        loop.Memory.Return(another);
        client.Send(Http.Get("/2"));
        Assert.That(client.ReceiveReply().Content, Has.Length.EqualTo(100_000));
    }

    [Test]
    public async Task Trim_InTheMiddleOfAnExchange_LosesNothing()
    {
        await using var gateway = new TestGateway(servers: 1);
        var client = gateway.Connect();
        client.Send(Http.Get("/"));
        gateway.Run();
        gateway.At(1).Send(Http.OkHead("Content-Length: 100000\r\n") + new string('x', 60_000));
        gateway.Run();

        var trimmed = Trim(gateway);

        Assert.That(trimmed.IsCompletedSuccessfully);
        gateway.At(1).Send(new string('y', 40_000));
        Assert.That(client.ReceiveReply().Content, Is.EqualTo(new string('x', 60_000) + new string('y', 40_000)));
    }

    private static Task Trim(TestGateway gateway)
    {
        Task trimmed = null!;
        gateway.Transport.Crank.All[0].Run(() => trimmed = gateway.Engine.TrimAsync());         // so that it comes home to this loop
        gateway.Run();
        return trimmed;
    }
}
