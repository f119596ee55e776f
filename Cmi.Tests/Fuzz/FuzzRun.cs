using System.Diagnostics;
using System.Globalization;

namespace Cmi.Tests.Fuzz;

/// <summary>How long a run is: a number of cases, or a time.</summary>
internal sealed record FuzzLength(long Cases, TimeSpan Time)
{
    /// <summary>A number of cases that is the same in every run.</summary>
    public static FuzzLength Of(long cases) => new(cases, TimeSpan.MaxValue);

    /// <summary>As many as a variable of the environment says, else a number that is the same in every run.</summary>
    public static FuzzLength Asked(string variable, long otherwise) =>
        Of(long.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var cases) ? cases : otherwise);

    /// <summary>
    /// The seed that is asked for: a number, or <c>fresh</c>; else always the same one, so that a change is judged by what it changed and not by chance.
    /// </summary>
    public static int Seed() => Environment.GetEnvironmentVariable("CMI_FUZZ_SEED") switch
    {
        "fresh" => Environment.TickCount & int.MaxValue,
        { } text when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seed) => seed,
        _ => 4,
    };
}

/// <summary>One run over the readers: makes messages, breaks them, judges what becomes of them, and makes a failure small.</summary>
internal sealed class FuzzRun(int seed, bool ofReplies)
{
    private readonly long[] _outcomes = new long[Enum.GetValues<FuzzOutcome>().Length];

    /// <summary>Runs, and fails with a small input if any fails.</summary>
    public void Run(FuzzLength length)
    {
        var random = new Random(seed);
        var (grammar, mutator) = (new MessageGrammar(random), new Mutator(random));
        var clock = Stopwatch.StartNew();
        var bytes = new List<byte>();
        var cases = 0L;
        for (; cases < length.Cases && (cases % 256 != 0 || clock.Elapsed < length.Time); cases++)
        {
            bytes.Clear();
            mutator.Append(bytes, Next(grammar), Next(grammar));
            var input = bytes.ToArray();
            try
            {
                _outcomes[(int)Check(input, ofReplies)]++;
            }
            catch (Exception e)
            {
                Fail(input, cases, e);
            }
        }
        TestContext.Out.WriteLine(FormattableString.Invariant(
            $"{(ofReplies ? "replies" : "requests")}: seed {seed}, {cases} messages in {clock.Elapsed.TotalSeconds:f1} s ({cases / clock.Elapsed.TotalSeconds:f0}/s): {this}"));
        foreach (var outcome in Enum.GetValues<FuzzOutcome>())
            Assert.That(_outcomes[(int)outcome], Is.GreaterThan(cases / 100), $"the inputs show too little: {this}");
    }

    /// <summary>Judges one input.</summary>
    public static FuzzOutcome Check(byte[] input, bool ofReplies) => ofReplies ? ReplyProperties.Check(input) : RequestProperties.Check(input);

    public override string ToString() =>
        string.Join(", ", Enum.GetValues<FuzzOutcome>().Select(outcome => string.Create(CultureInfo.InvariantCulture, $"{_outcomes[(int)outcome]} {outcome}")));

    private FuzzMessage Next(MessageGrammar grammar) => ofReplies ? grammar.Reply() : grammar.Request();

    private void Fail(byte[] input, long index, Exception failure)
    {
        var small = Shrinker.Shrink(input, bytes => Failure(bytes) is not null);
        Assert.Fail($"Seed {seed}, message {index}: {failure.Message}\nas small as it gets: {Failure(small)?.Message}\n{Shrinker.Literal(small)}\n{failure.StackTrace}");
    }

    private Exception? Failure(byte[] input)
    {
        try
        {
            Check(input, ofReplies);
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }
}
