using Cmi.Buffers;
using Cmi.Testing;
using Cmi.Tests.Harness;

#pragma warning disable CA2012 // Memory completes synchronously, which the test holds it to.

namespace Cmi.Tests.Buffers;

/// <summary>What a failing tier takes with it, and what it does not.</summary>
public sealed class TieredFaultTests : TieredRig
{
    [TestCase("creation")]
    [TestCase("refusal")]
    [TestCase("room")]
    [TestCase("full")]
    [TestCase("write")]
    [TestCase("flush")]
    public void LowerTierDoesNotTakeIt_ItStaysAndTheNextTierIsTried(string fault)
    {
        var buffers = FillMemory(() =>
        {
            Break(Middle, fault);
            Lowest.RefusesBuffers = true;
        });
        Wait();
        for (var i = 0; i < buffers.Count; i++) AssertContent(buffers[i], 0, 64 * KiB, i);
        Assert.That(Middle.Live, Is.Zero);
        Lowest.RefusesBuffers = false;
        for (var i = 0; i < 8; i++) Wait();
        Assert.That((Ram.UsedBytes <= 512 * KiB, Lowest.Live > 0), Is.EqualTo((true, true)));
        for (var i = 0; i < buffers.Count; i++) AssertContent(buffers[i], 0, 64 * KiB, i);
    }

    [TestCase("creation")]
    [TestCase("refusal")]
    [TestCase("room")]
    [TestCase("full")]
    [TestCase("write")]
    public void TierFailsWhileContentComes_TheNextTierTakesIt(string fault)
    {
        FillMemory(() => Break(Middle, fault));
        var buffer = Create(500 * KiB, 50);
        Assert.That(Lowest.Held, Is.GreaterThan(0));
        AssertContent(buffer, 0, 500 * KiB, 50);
    }

    [Test]
    public void TierThatHasFailed_IsTriedAgainLater()
    {
        FillMemory(() => Middle.FailsCreation = true);
        Create(100 * KiB, 1);
        Middle.FailsCreation = false;
        Create(100 * KiB, 2);
        Assert.That(Middle.Made, Is.Zero, "passed over for a while");
        Loop.Advance(TimeSpan.FromSeconds(2));
        Create(500 * KiB, 3);
        Assert.That(Middle.Made, Is.GreaterThan(0));
    }

    [Test]
    public void TierLosesWhatItHolds_OnlyThatContentFails()
    {
        var kept = Create(30 * KiB, 1);                             // smaller than all that moves
        var lost = Create(4 * 1024 * KiB, 2);
        Middle.FailsReads = true;
        Assert.That(() => AssertContent(lost, 0, 4 * 1024 * KiB, 2), Throws.InstanceOf<IOException>());
        AssertContent(kept, 0, 30 * KiB, 1);
    }

    /// <summary>Tiers fail and recover at random: every byte that is read is right, or the read says that it is lost.</summary>
    [Test]
    public void RandomFaults_NeverGiveAWrongByte([Range(1, 20)] int seed)
    {
        var random = new Random(seed);
        var lost = 0;
        var live = new List<(IBuffer Buffer, int Salt)>();
        Middle.Capacity = 3_000 * KiB;
        Lowest.Capacity = 5_000 * KiB;
        for (var step = 0; step < 300; step++)
        {
            foreach (var tier in (ScriptedStore[])[Middle, Lowest])
            {
                tier.FailsCreation = random.Next(10) == 0;
                tier.FailsFlushes = random.Next(5) == 0;
                tier.FailsWrites = random.Next(20) == 0;
                tier.FailsReads = random.Next(20) == 0;
                tier.FailsRoom = random.Next(20) == 0;
            }
            if (live.Count < 12 && Loop.Wait(() => new ValueTask<IBuffer?>(Store.TryCreate(Loop, random.Next(2) == 0 ? 100_000 : null))) is { } made)
            {
                live.Add((made, step));
                Made.Add(made);
            }
            if (live.Count == 0) continue;
            var (buffer, salt) = live[random.Next(live.Count)];
            try
            {
                switch (random.Next(5))
                {
                    case 0 or 1 when buffer.State == BufferState.Open && RoomOf(buffer) == Room.Ok:
                        AppendPiece(buffer, random.Next(1, 64 * KiB), salt);
                        break;
                    case 2:
                        AssertContent(buffer, random.NextInt64(buffer.Length + 1), buffer.Length, salt);
                        break;
                    case 3:
                        Loop.Advance(TimeSpan.FromMilliseconds(random.Next(400)));
                        break;
                    case 4 when random.Next(10) == 0 || buffer.State == BufferState.Failed:
                        live.Remove((buffer, salt));
                        Dispose(buffer);
                        break;
                }
            }
            catch (Exception e) when (e is IOException || (e is InvalidOperationException && buffer.State != BufferState.Whole))
            {
                lost++;
            }
        }
        foreach (var tier in (ScriptedStore[])[Middle, Lowest]) tier.FailsReads = false;
        foreach (var (buffer, salt) in live) AssertContent(buffer, 0, buffer.Length, salt);
        TestContext.Out.WriteLine($"{lost} times something was lost; {Moved(1)} and {Moved(2)} bytes moved");
    }
}
