using System.Text;
using Cmi.Tests.Http1;

namespace Cmi.Tests.Fuzz.Exchanges;

/// <summary>What a peer does behind its bytes.</summary>
internal enum PeerEnd { Stays, Closes, Aborts }

/// <summary>What a peer sends, each character an octet.</summary>
internal sealed record PeerScript(string Text, PeerEnd End = PeerEnd.Stays);

/// <summary>
/// One run of the engine as data, so that a failure can be made small and kept: the settings follow from the seed, each client sends its script, and
/// servers answer each request with the next of the replies, over and over.
/// </summary>
/// <param name="Seed">What settings, fragments and times follow from.</param>
/// <param name="Clients">What the clients send.</param>
/// <param name="Replies">What servers answer; <see cref="MessageGrammar.Mark"/> is replaced by what tells the request.</param>
internal sealed record ExchangeCase(int Seed, PeerScript[] Clients, PeerScript[] Replies)
{
    /// <summary>Makes a case.</summary>
    public static ExchangeCase Make(Random random, MessageGrammar grammar, Mutator mutator)
    {
        var isCalm = random.Next(3) == 0;                           // servers and clients keep to the rules, but for what the clients' messages are
        var clients = new PeerScript[random.Next(1, 5)];
        for (var i = 0; i < clients.Length; i++) clients[i] = new(Requests(random, grammar, mutator, i), isCalm ? PeerEnd.Stays : End(random));
        var replies = new PeerScript[random.Next(1, 4)];
        for (var i = 0; i < replies.Length; i++) replies[i] = isCalm ? Right(grammar) : new(Mutated(grammar, mutator), End(random));
        return new(random.Next(), clients, replies);
    }

    /// <summary>Smaller cases of the same kind, to be tried one after the other as long as one fails.</summary>
    public static ExchangeCase Shrink(ExchangeCase failing, Func<ExchangeCase, bool> fails)
    {
        for (var i = failing.Clients.Length - 1; i >= 0 && failing.Clients.Length > 1; i--) Try(failing with { Clients = Without(failing.Clients, i) });
        for (var i = failing.Replies.Length - 1; i >= 0 && failing.Replies.Length > 1; i--) Try(failing with { Replies = Without(failing.Replies, i) });
        for (var i = 0; i < failing.Clients.Length; i++)
            Shrinker.Shrink(Raw.Bytes(failing.Clients[i].Text), bytes => Try(failing with { Clients = With(failing.Clients, i, bytes) }), maxTries: 400);
        for (var i = 0; i < failing.Replies.Length; i++)
            Shrinker.Shrink(Raw.Bytes(failing.Replies[i].Text), bytes => Try(failing with { Replies = With(failing.Replies, i, bytes) }), maxTries: 400);
        return failing;

        bool Try(ExchangeCase smaller)
        {
            if (!fails(smaller)) return false;
            failing = smaller;
            return true;
        }
    }

    /// <summary>As C#, to become one of the known cases.</summary>
    public override string ToString() => $"new({Seed}, [{Scripts(Clients)}], [{Scripts(Replies)}])";

    private static string Scripts(PeerScript[] scripts) => string.Join(", ", scripts.Select(s => $"new({Shrinker.Literal(Raw.Bytes(s.Text))}, PeerEnd.{s.End})"));

    private static PeerScript[] Without(PeerScript[] scripts, int index) => [.. scripts.Where((_, i) => i != index)];

    private static PeerScript[] With(PeerScript[] scripts, int index, byte[] bytes) => [.. scripts.Select((s, i) => i == index ? s with { Text = Raw.Text(bytes) } : s)];

    private static PeerEnd End(Random random) => random.Next(10) switch { 0 => PeerEnd.Aborts, < 4 => PeerEnd.Closes, _ => PeerEnd.Stays };

    private static string Requests(Random random, MessageGrammar grammar, Mutator mutator, int client)
    {
        var bytes = new List<byte>();
        for (var (i, count) = (0, random.Next(1, 5)); i < count; i++)
        {
            var message = grammar.Request(random.Next(6) == 0 ? null : $"/{client}.{i}");
            if (random.Next(2) == 0) message.AppendTo(bytes);       // so that there often are some before a broken one
            else mutator.Append(bytes, message, grammar.Request());
        }
        return Encoding.Latin1.GetString([.. bytes]);
    }

    private static PeerScript Right(MessageGrammar grammar)
    {
        var text = grammar.Reply(marked: true).ToString();
        return new(text, ReferenceParser.Reply(text, "GET", ended: false).Verdict == Verdict.Whole ? PeerEnd.Stays : PeerEnd.Closes);
    }

    private static string Mutated(MessageGrammar grammar, Mutator mutator)
    {
        var bytes = new List<byte>();
        mutator.Append(bytes, grammar.Reply(marked: true), grammar.Reply(marked: true));
        return Encoding.Latin1.GetString([.. bytes]);
    }
}
