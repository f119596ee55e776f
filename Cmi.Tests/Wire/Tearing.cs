using Cmi.Testing;

namespace Cmi.Tests.Wire;

/// <summary>Into which pieces the bytes of a transcript are torn on their way. What they mean must not depend on it.</summary>
internal enum Tearing
{
    /// <summary>Each block is one piece.</summary>
    Whole,

    /// <summary>Each byte is.</summary>
    Bytes,

    /// <summary>Pieces of any length, which leave late; the same in every run.</summary>
    Random,
}

/// <summary>Tears bytes into pieces.</summary>
internal static class TearingExtensions
{
    private const int Seed = 7540;
    private const int MostOfRandom = 48;                           // so that most heads are torn

    extension(Tearing tearing)
    {
        /// <summary>A transport that moves such pieces.</summary>
        public InMemoryOptions Transport(int? capacity) => new()
        {
            Seed = Seed,
            Capacity = capacity ?? new InMemoryOptions().Capacity,
            MaxReceive = tearing switch { Tearing.Bytes => 1, Tearing.Random => MostOfRandom, _ => int.MaxValue },
            MaxSend = tearing switch { Tearing.Bytes => 1, Tearing.Random => MostOfRandom, _ => int.MaxValue },
            RandomFragments = tearing == Tearing.Random,
            SendsLate = tearing == Tearing.Random,
        };

        /// <summary>The pieces of a text.</summary>
        public IEnumerable<string> Pieces(string text)
        {
            var random = new Random(Seed + text.Length);
            for (var at = 0; at < text.Length;)
            {
                var length = tearing switch { Tearing.Bytes => 1, Tearing.Random => random.Next(1, MostOfRandom), _ => text.Length };
                length = Math.Min(length, text.Length - at);
                yield return text.Substring(at, length);
                at += length;
            }
        }
    }
}
