using Cmi.Buffers;
using Cmi.Testing.Contracts;

namespace Cmi.Tests.Buffers.Disk;

[TestFixture(true, 0)]
[TestFixture(false, 0)]
[TestFixture(true, 256 << 10)]
public sealed class DiskBufferStoreContractTests(bool encrypt, int writeBehindBytes) : BufferStoreContract
{
    private string _path = "";

    [OneTimeSetUp]
    public void MakeDirectory() => _path = Directory.CreateTempSubdirectory("cmi-tests-").FullName;

    [OneTimeTearDown]
    public void NoFileIsLeft()
    {
        Assert.That(Directory.EnumerateFileSystemEntries(_path), Is.Empty);
        Directory.Delete(_path);
    }

    protected override IBufferStore CreateStore() => new DiskBufferStore(new() { Path = _path, MaxTotalBytes = 256 << 20, MaxMemoryBytes = 16 << 20, WriteBehindBytes = writeBehindBytes, Encrypt = encrypt });

    protected override IBufferStore CreateFullStore()
    {
        var store = new DiskBufferStore(new() { Path = _path, MaxTotalBytes = 16 << 20, MaxShare = 1, ReserveShare = 0.1, MaxMemoryBytes = 16 << 20, WriteBehindBytes = writeBehindBytes, Encrypt = encrypt });
        var buffer = store.TryCreate(Loop, null)!;
        while (Loop.Wait(() => buffer.WaitForRoomAsync(CancellationToken.None)) == Room.Ok) Loop.Run(() => buffer.Advance(buffer.GetMemory(65_536).Length));
        return store;
    }

    protected override void AssertNothingIsLeft(IBufferStore store) => DiskStores.AssertNothingIsLeft((DiskBufferStore)store);
}
