using System.Globalization;
using System.Text.RegularExpressions;
using Cmi.Testing;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Wire;

/// <summary>Plays one transcript on the real engine. What each step means is said in README.md.</summary>
internal sealed partial class TranscriptPlayer
{
    private readonly Transcript _transcript;
    private readonly Tearing _tearing;
    private readonly TestGateway _gateway;
    private readonly int _servers;
    private readonly Dictionary<string, Actor> _actors = [];

    private TranscriptPlayer(Transcript transcript, Tearing tearing, TestGateway gateway, int servers) =>
        (_transcript, _tearing, _gateway, _servers) = (transcript, tearing, gateway, servers);

    /// <summary>Plays a transcript to its end, and sees that nothing is left of it.</summary>
    /// <exception cref="AssertionException">Something is not as the transcript says.</exception>
    public static async Task PlayAsync(Transcript transcript, Tearing tearing)
    {
        var stage = Stage.Of(transcript);
        var gateway = new TestGateway(stage.Configure, stage.Servers, tearing.Transport(stage.Capacity));
        var player = new TranscriptPlayer(transcript, tearing, gateway, stage.Servers);
        foreach (var step in transcript.Steps)
        {
            if (!Stage.IsOf(step)) player.Play(step);
        }
        player.ExpectNothingUnseen();
        await gateway.DisposeAsync();                              // not when a step has failed: that is the failure to report
    }

    private void Play(Step step)
    {
        try
        {
            if (!(step.Block is { } block ? PlayBlock(step.Words, WireText.OfBlock(block)) : PlayLine(step.Words))) throw new FormatException("Not a step.");
        }
        catch (Exception e) when (e is FormatException or WireException or InvalidOperationException)
        {
            Assert.Fail($"{_transcript.File}:{step.Line}: {step.Words}\n{e.Message}");
        }
    }

    private bool PlayBlock(string words, string text)
    {
        if (words.StartsWith("to ", StringComparison.Ordinal))
        {
            Of(words[3..]).Expect(text, all: true);
            return true;
        }
        var match = SendPattern().Match(words);
        if (!match.Success) return false;
        Of(match.Groups["who"].Value).Send(text, match.Groups["end"].Value);
        return true;
    }

    private bool PlayLine(string words)
    {
        if (words.StartsWith("expect ", StringComparison.Ordinal)) return PlayExpect(words["expect ".Length..]);
        if (AfterPattern().Match(words) is { Success: true } after)
        {
            _gateway.Advance(double.Parse(after.Groups["time"].Value, CultureInfo.InvariantCulture) / (after.Groups["unit"].Value == "ms" ? 1000 : 1));
            return true;
        }
        var match = ActorPattern().Match(words);
        if (!match.Success) return false;
        var who = match.Groups["who"].Value;
        var what = match.Groups["what"].Value.Split(' ', 2);
        switch (what)
        {
            case ["refuses" or "accepts" or "ignores"] when who.StartsWith("server", StringComparison.Ordinal):
                SetDialling(TestGateway.Address(Number(who["server ".Length..])), what[0]);
                return true;
            case ["connects"] when who.StartsWith("client", StringComparison.Ordinal):
                _ = Of(who);
                return true;
            case ["ends" or "closes" or "resets"]:
                Of(who).Send("", what[0]);
                return true;
            case ["asks", var request]:
                Of(who).Send($"{request} HTTP/1.1\r\nHost: example\r\n\r\n", "");
                return true;
            case ["takes", var request]:
                Of(who).TakeRequest(request);
                return true;
            case ["answers", var content]:
                Of(who).Send($"HTTP/1.1 200 OK\r\nContent-Length: {content.Length}\r\n\r\n{content}", "");
                return true;
            case ["gets", var content]:
                Of(who).Expect(WireText.OfBlock($"HTTP/1.1 200 OK\nDate: {{date}}\nContent-Length: {content.Length}\n\n{content}\\"), all: false);
                return true;
            case ["is", var told] when told.StartsWith("told ", StringComparison.Ordinal):
                Of(who).TakeOwn(told["told ".Length..], persists: true);
                return true;
            case ["is", var refused] when refused.StartsWith("refused ", StringComparison.Ordinal):
                Of(who).TakeOwn(refused["refused ".Length..], persists: false);
                Of(who).ExpectState("closed");
                return true;
            default:
                return false;
        }
    }

    private bool PlayExpect(string words)
    {
        if (words.StartsWith("nothing to ", StringComparison.Ordinal))
        {
            Of(words["nothing to ".Length..]).Expect("", all: true);
        }
        else if (words.StartsWith("no request to server ", StringComparison.Ordinal))
        {
            foreach (var connection in ActorsOf(Number(words["no request to server ".Length..]))) connection.Expect("", all: true);
        }
        else if (words.StartsWith("connections to server ", StringComparison.Ordinal))
        {
            var numbers = words["connections to server ".Length..].Split(": ");
            var count = _gateway.Server(Number(numbers[0])).Connections.Count;
            if (count != Number(numbers[1])) throw new WireException($"There were {count}.");
        }
        else
        {
            var state = words.Split(' ')[^1];
            Of(words[..^(state.Length + 1)]).ExpectState(state);
        }
        return true;
    }

    private void SetDialling(ServerAddress server, string how)
    {
        if (how == "refuses") _gateway.Transport.Refuse(server);
        else if (how == "ignores") _gateway.Transport.BlackHole(server);
        else _gateway.AcceptAgain(server);
    }

    private void ExpectNothingUnseen()
    {
        for (var server = 1; server <= _servers; server++) _ = ActorsOf(server).Count();
        foreach (var (name, actor) in _actors)
        {
            if (actor.Unseen() is { Length: > 0 } unseen) Assert.Fail($"{_transcript.File}: nobody has expected this at {name}:\n{WireText.Show(unseen)}");
        }
    }

    private IEnumerable<Actor> ActorsOf(int server) => Enumerable.Range(1, _gateway.Server(server).Connections.Count).Select(connection => Of($"server {server}.{connection}"));

    private Actor Of(string who)
    {
        var match = WhoPattern().Match(who);
        if (!match.Success) throw new FormatException($"'{who}' is nobody.");
        var (number, connection) = (match.Groups["number"], match.Groups["connection"]);
        var isClient = match.Groups["role"].Value == "client";
        var name = isClient ? $"client {(number.Success ? number.Value : "1")}" : $"server {number.Value}.{(connection.Success ? connection.Value : "1")}";
        if (_actors.TryGetValue(name, out var actor)) return actor;
        var peer = isClient ? _gateway.Connect() : Accepted(Number(number.Value), connection.Success ? Number(connection.Value) : 1);
        _actors.Add(name, actor = new(_gateway, peer, _tearing));
        return actor;
    }

    private InMemoryPeer Accepted(int server, int connection)
    {
        if (server < 1 || server > _servers) throw new FormatException($"There is no server {server}.");
        var accepted = _gateway.Server(server).Connections.Count;
        return accepted >= connection ? _gateway.At(server, connection) : throw new WireException($"Server {server} has accepted {accepted} connections.");
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^after (?<time>[0-9.]+) (?<unit>s|ms)$")]
    private static partial Regex AfterPattern();

    [GeneratedRegex(@"^(?<who>(client|server)( [0-9]+(\.[0-9]+)?)?)( and (?<end>ends|closes|resets))?$")]
    private static partial Regex SendPattern();

    [GeneratedRegex(@"^(?<who>(client|server)( [0-9]+(\.[0-9]+)?)?) (?<what>.+)$")]
    private static partial Regex ActorPattern();

    [GeneratedRegex(@"^(?<role>client|server)( (?<number>[0-9]+)(\.(?<connection>[0-9]+))?)?$")]
    private static partial Regex WhoPattern();
}
