using System.Diagnostics;

namespace Cmi.Tests.Fuzz.Exchanges;

/// <summary>
/// Mutated requests and replies through the whole engine: servers only ever receive well-formed requests that a client asked for, clients only well-formed
/// replies to what they asked, in order; nothing throws, hangs or is left.
/// </summary>
[TestFixture]
internal sealed class ExchangeFuzzTests
{
    private const int FixedCases = 250;

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public Task MutatedExchanges_StayApart(int seed) => RunAsync(seed, FuzzLength.Of(FixedCases));

    /// <summary>Cases of up to four clients with up to four messages each; a case counts as one.</summary>
    [Test]
    [Category("Slow")]
    public Task MoreMutatedExchanges_StayApart() => RunAsync(FuzzLength.Seed(), FuzzLength.Asked("CMI_FUZZ_EXCHANGES", 10_000));

    [TestCaseSource(nameof(Cases))]
    public Task KnownExchange_StaysApart(ExchangeCase given) => ExchangeRun.RunAsync(given);

    /// <summary>Cases that failed once: the smallest of each.</summary>
    private static IEnumerable<ExchangeCase> Cases =>
    [
        new(1, [new("GET /0.0 HTTP/1.1\r\nHost: a\r\n\r\n")], [new("HTTP/1.1 200 OK\r\nX-Answers: @@@@@@@@\r\nContent-Length: 0\r\n\r\n")]),
        // The refusal of a HEAD had content.
        new(1, [new("HEAD / HTTP/1.1\r\n\r\n")], [new("")]),
        // A broken trailer section that was to be kept made the session fail.
        new(1280094082, [new("T / HTTP/1.1\r\nt:\r\nHost:[::]\r\nTE:trailers\r\n\r\n", PeerEnd.Closes)],
            [new("HTTP/1.1 206\r\nTransfer-Encoding: chunked\r\n\r\n00\r\nb\n", PeerEnd.Closes)]),
    ];

    private static async Task RunAsync(int seed, FuzzLength length)
    {
        var random = new Random(seed);
        var (grammar, mutator) = (new MessageGrammar(random), new Mutator(random));
        var clock = Stopwatch.StartNew();
        var (cases, clients, exchanges) = (0L, 0L, 0L);
        for (; cases < length.Cases && clock.Elapsed < length.Time; cases++)
        {
            var next = ExchangeCase.Make(random, grammar, mutator);
            clients += next.Clients.Length;
            exchanges += next.Clients.Sum(client => AskedRequests.Of(client.Text).All.Count);
            if (await FailureAsync(next) is { } failure) Fail(seed, cases, next, failure);
        }
        TestContext.Out.WriteLine(FormattableString.Invariant(
            $"exchanges: seed {seed}, {cases} cases with {clients} clients and {exchanges} requests in {clock.Elapsed.TotalSeconds:f1} s ({exchanges / clock.Elapsed.TotalSeconds:f0} requests/s)"));
    }

    private static void Fail(int seed, long index, ExchangeCase failing, Exception failure)
    {
        var small = ExchangeCase.Shrink(failing, smaller => FailureAsync(smaller).GetAwaiter().GetResult() is not null);
        var now = FailureAsync(small).GetAwaiter().GetResult();
        Assert.Fail($"Seed {seed}, case {index}: {failure.Message}\nas small as it gets: {now?.Message}\n{small}\nat first: {failing}\n{now?.StackTrace}");
    }

    private static async Task<Exception?> FailureAsync(ExchangeCase given)
    {
        try
        {
            using (new NUnit.Framework.Internal.TestExecutionContext.IsolatedContext()) await ExchangeRun.RunAsync(given);
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }
}
