using Cmi.Buffers;
using Cmi.Testing.Contracts;

namespace Cmi.Tests.Buffers.Flash;

[TestFixture(true, 0)]
[TestFixture(false, 0)]
[TestFixture(true, 256 << 10)]
public sealed class FlashBufferStoreContractTests(bool encrypt, int writeBehindBytes) : BufferStoreContract
{
    private FlashDirectory _directory = null!;

    [OneTimeSetUp]
    public void MakeDirectory() => _directory = new();

    [OneTimeTearDown]
    public void NoFileIsLeft()
    {
        Assert.That(Directory.EnumerateFileSystemEntries(_directory.Path), Is.Empty);
        if (OperatingSystem.IsLinux()) Assert.That(_directory.OpenDescriptors, Is.Zero);
        _directory.Dispose();
    }

    protected override IBufferStore CreateStore() => new FlashBufferStore(new() { Path = _directory.Path, MaxTotalBytes = 256 << 20, MaxMemoryBytes = 16 << 20, WriteBehindBytes = writeBehindBytes, Encrypt = encrypt });

    protected override IBufferStore CreateFullStore()
    {
        var store = new FlashBufferStore(new() { Path = _directory.Path, MaxTotalBytes = 16 << 20, MaxShare = 1, ReserveShare = 0.1, MaxMemoryBytes = 16 << 20, WriteBehindBytes = writeBehindBytes, Encrypt = encrypt });
        var buffer = store.TryCreate(Loop, null)!;
        while (Loop.Wait(() => buffer.WaitForRoomAsync(CancellationToken.None)) == Room.Ok) Loop.Run(() => buffer.Advance(buffer.GetMemory(65_536).Length));
        return store;
    }

    protected override void AssertNothingIsLeft(IBufferStore store)
    {
        var flash = (FlashBufferStore)store;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(flash.LiveBuffers, Is.Zero, "live buffers");
            Assert.That(flash.Entries.SlicesOut, Is.Zero, "slices");
            Assert.That(flash.Entries.Memory.Writing, Is.Zero, "memory of what is to be written");
            Assert.That(flash.Entries.Memory.Reading, Is.Zero, "memory of what was read");
            Assert.That(flash.Device.UsedBytes, Is.Zero, "on flash");
            Assert.That(flash.Entries.GetUsage()[0].Failures, Is.Zero, "failures");
        }
    }
}
