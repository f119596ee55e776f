using Cmi.Buffers;

namespace Cmi.Tests.Buffers;

[TestFixture(true)]
[TestFixture(false)]
public sealed class EntrySealTests(bool encrypt)
{
    private static readonly EntryId Id = new(0x1122334455667788, 42, 7, 99);
    private readonly byte[] _key = encrypt ? [.. Enumerable.Range(1, 32).Select(i => (byte)i)] : [];

    private EntrySeal _seal = null!;

    [SetUp]
    public void SetUp() => _seal = new(_key);

    [TearDown]
    public void TearDown() => _seal.Dispose();

    private SealTag _tag;

    private byte[] Seal(byte[] content, EntryId? id = null)
    {
        var entry = new byte[content.Length];
        _tag = _seal.Seal(id ?? Id, content, entry);
        return encrypt ? entry : content;
    }

    private bool TryOpen(EntryId id, Span<byte> entry) => _seal.TryOpen(id, _tag, entry);

    private static byte[] Content(int length, int seed = 1)
    {
        var content = new byte[length];
        new Random(seed).NextBytes(content);
        return content;
    }

    [Test]
    public void Opened_GivesTheContentInPlace([Values(0, 1, 7, 8, 31, 32, 33, 1_000, 65_535, 65_536)] int length)
    {
        var entry = Seal(Content(length));
        Assert.That(TryOpen(Id, entry));
        Assert.That(entry, Is.EqualTo(Content(length)));
    }

    [Test]
    public void AnyFlippedBit_IsFound([Values(1, 9, 40, 100, 133)] int length)
    {
        var entry = Seal(Content(length));
        for (var bit = 0; bit < entry.Length * 8; bit++)
        {
            var damaged = entry.ToArray();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.That(TryOpen(Id, damaged), Is.False, $"bit {bit}");
        }
    }

    [Test]
    public void AnyFlippedByteOfAFullEntry_IsFound([Range(1, 20)] int seed)
    {
        var random = new Random(seed);
        var entry = Seal(Content(65_536, seed));
        for (var round = 0; round < 50; round++)
        {
            var damaged = entry.ToArray();
            damaged[random.Next(entry.Length)] ^= (byte)random.Next(1, 256);
            Assert.That(TryOpen(Id, damaged), Is.False);
        }
    }

    [Test]
    public void WordsThatChangedPlaces_AreFound([Values(1, 4, 5, 13)] int apart)
    {
        var entry = Seal(Content(512));
        var words = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(entry.AsSpan());
        (words[2], words[2 + apart]) = (words[2 + apart], words[2]);
        Assert.That(TryOpen(Id, entry), Is.False);
    }

    [Test]
    public void TornEntry_IsFound([Values(0, 1, 32, 500, 999)] int length)
    {
        var entry = Seal(Content(1_000));
        Assert.That(TryOpen(Id, entry.AsSpan(0, length)), Is.False);
    }

    [Test]
    public void EntryOfAnotherStoreBufferOrPlace_IsFound()
    {
        var entry = Seal(Content(100));
        EntryId[] others = [Id with { Generation = 1 }, Id with { Buffer = 43 }, Id with { Index = 8 }, Id with { Sequence = 100 }];
        foreach (var other in others) Assert.That(TryOpen(other, entry.ToArray()), Is.False, other.ToString());
        Assert.That(TryOpen(Id, entry));
    }

    [Test]
    public void OnlyEncrypted_IsUnreadable()
    {
        var content = Content(1_000);
        var entry = Seal(content);
        Assert.That(entry.AsSpan().IndexOf(content.AsSpan(100, 16)) < 0, Is.EqualTo(encrypt));
        if (encrypt) Assert.That(Seal(content, Id with { Sequence = 100 }), Is.Not.EqualTo(entry));
    }

    [Test]
    public void EntryOfAnotherKey_IsFound()
    {
        if (!encrypt) return;
        var entry = Seal(Content(100));
        using var other = new EntrySeal([.. _key.Reverse()]);
        Assert.That(other.TryOpen(Id, _tag, entry), Is.False);
    }
}
