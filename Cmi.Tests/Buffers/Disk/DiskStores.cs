using Cmi.Buffers;

namespace Cmi.Tests.Buffers.Disk;

internal static class DiskStores
{
    /// <summary>No block, no slice, no place on the disk is held when all buffers are disposed.</summary>
    public static void AssertNothingIsLeft(DiskBufferStore store, bool withFailures = false)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(store.LiveBuffers, Is.Zero, "live buffers");
            Assert.That(store.Entries.SlicesOut, Is.Zero, "slices");
            Assert.That(store.Entries.Memory.Writing, Is.Zero, "memory of what is to be written");
            Assert.That(store.Entries.Memory.Reading, Is.Zero, "memory of what was read");
            Assert.That(store.Device.UsedBytes, Is.Zero, "on disk");
            if (!withFailures) Assert.That(store.Entries.GetUsage()[0].Failures, Is.Zero, "failures");
        }
    }
}
