using Cmi.Samples.CustomBufferStore;
using Cmi.Testing.Contracts;

namespace Cmi.Tests.Buffers;

/// <summary>The sample's store, held to the same contract as those of the library: that is all a user has to write.</summary>
public sealed class CustomBufferStoreTests : BufferStoreContract
{
    protected override IBufferStore CreateStore() => new ListBufferStore(maxTotalBytes: 128 << 20);

    protected override IBufferStore CreateFullStore() => new ListBufferStore(maxTotalBytes: 0);
}
