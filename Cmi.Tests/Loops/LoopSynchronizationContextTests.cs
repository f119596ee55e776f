using Cmi.Loops;
using Moq;
using NUnit.Framework;

namespace Cmi.Tests.Loops;

public sealed class LoopSynchronizationContextTests
{
    [Test]
    public void Post_GoesToTheLoop()
    {
        var loop = new Mock<ILoop>();
        SendOrPostCallback work = _ => { };
        new LoopSynchronizationContext(loop.Object).Post(work, "state");
        loop.Verify(l => l.Post(work, "state"), Times.Once);
    }

    [Test]
    public void Send_OnTheLoopRunsAtOnce()
    {
        var loop = Mock.Of<ILoop>(l => l.IsCurrent);
        var ran = false;
        new LoopSynchronizationContext(loop).Send(_ => ran = true, null);
        Assert.That(ran);
    }

    [Test]
    public void Send_FromElsewhereIsNotSupported()
    {
        var context = new LoopSynchronizationContext(Mock.Of<ILoop>(l => !l.IsCurrent));
        Assert.That(() => context.Send(_ => { }, null), Throws.TypeOf<NotSupportedException>());
        Assert.That(context.CreateCopy(), Is.SameAs(context));
    }
}
