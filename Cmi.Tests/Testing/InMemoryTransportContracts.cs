using Cmi.Testing;
using Cmi.Testing.Contracts;
using NUnit.Framework;

namespace Cmi.Tests.Testing;

#pragma warning disable CA1001 // The contract disposes the transport.
public abstract class InMemoryContract(InMemoryOptions options) : ConnectionManagerContract
{
    private static readonly ServerAddress Silent = new(AddressKind.Tcp, "silent", 80);

    private InMemoryTransport _transport = null!;

    protected override ValueTask<IConnectionManager> CreateManagerAsync() => new(_transport = new InMemoryTransport(options));

    protected override ServerAddress? SilentServer(IConnectionManager manager)
    {
        _transport.BlackHole(Silent);
        return Silent;
    }

    protected override Task Crank(Task until)
    {
        _transport.Crank.RunUntilIdle();
        return until.IsCompleted ? until : Task.FromException(new TimeoutException("The loops are idle."));
    }

    protected override void AssertNothingIsLeft()
    {
        _transport.Crank.RunUntilIdle();
        Assert.That(_transport.OpenConnections, Is.Zero);
        Assert.That(_transport.Crank.TimersSet, Is.Zero);
    }
}

public sealed class InMemoryContractTests() : InMemoryContract(new());

public sealed class InMemoryContractOnThreeLoopsTests() : InMemoryContract(new() { LoopCount = 3 });

public sealed class InMemoryContractInFragmentsTests() : InMemoryContract(new() { RandomFragments = true, OneFragmentPerTurn = true, MaxSend = 3_000, LoopCount = 2 });

public sealed class InMemoryContractSendingLateTests() : InMemoryContract(new() { SendsLate = true, LoopCount = 2 });

public sealed class InMemoryContractInDropsTests() : InMemoryContract(new() { MaxReceive = 7, Capacity = 11 });
