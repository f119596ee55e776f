using System.Globalization;
using Cmi.Hosting;
using Microsoft.Extensions.Configuration;

namespace Cmi.Tests.Wire;

/// <summary>What a transcript is played on: the steps that are none, but say how things are from the start.</summary>
internal sealed record Stage(Action<CmiOptions> Configure, int Servers, int? Capacity)
{
    private const string Settings = "settings: ", ServerCount = "servers: ", ConnectionCapacity = "capacity: ";

    /// <summary>Whether a step belongs here.</summary>
    public static bool IsOf(Step step) => Has(step, Settings) || Has(step, ServerCount) || Has(step, ConnectionCapacity);

    /// <summary>The stage of a transcript.</summary>
    public static Stage Of(Transcript transcript)
    {
        var values = new Dictionary<string, string?>();
        foreach (var pair in transcript.Steps.Where(s => Has(s, Settings)).SelectMany(s => s.Words[Settings.Length..].Split(", ")).Select(s => s.Split('=', 2)))
            values.Add($"Cmi:{pair[0]}", pair[1]);
        var configuration = new CmiConfiguration(new ConfigurationBuilder().AddInMemoryCollection(values).Build());
        Assert.That(configuration.Faults(), Is.Empty);
        return new(configuration.Configure, Number(transcript, ServerCount) ?? 1, Number(transcript, ConnectionCapacity));
    }

    private static bool Has(Step step, string key) => step.Words.StartsWith(key, StringComparison.Ordinal);

    private static int? Number(Transcript transcript, string key) =>
        transcript.Steps.FirstOrDefault(s => Has(s, key)) is { } step ? int.Parse(step.Words.AsSpan(key.Length), CultureInfo.InvariantCulture) : null;
}
