using Cmi.Engine;

namespace Cmi.Telemetry;

/// <summary>What one loop has counted of one server. <para>Threading: written by the loop, read by any thread.</para></summary>
/// <param name="labels">How the server is named to the outside.</param>
internal sealed class ServerCounters(ServerLabels labels)
{
    /// <summary>Attempts: a grant was given, whatever came of it.</summary>
    public long Attempts;

    /// <summary>Attempts that have neither failed nor brought a whole reply yet.</summary>
    public long Active;

    /// <summary>Idle connections in the pool of this loop.</summary>
    public long Idle;

    /// <summary>Replies that failed after their first byte had left for the client.</summary>
    public long RepliesCut;

    /// <summary>Times that it went on with a reply which another attempt had begun.</summary>
    public long RepliesResumed;

    /// <summary>Attempts at other servers that were begun beside one here, since its reply was late.</summary>
    public long Hedges;

    /// <summary>Those of them that came to a reply first.</summary>
    public long HedgesWon;

    /// <summary>Attempts that failed, by <see cref="AttemptFault"/>.</summary>
    public readonly long[] Failures = new long[AttemptFaults.Count];

    /// <summary>Attempts that followed a failed one at this server, by its <see cref="AttemptFault"/>.</summary>
    public readonly long[] Retries = new long[AttemptFaults.Count];

    public ServerLabels Labels => labels;
}

/// <summary>How a server is named to the outside, made once. <para>Threading: immutable.</para></summary>
internal sealed class ServerLabels(ServerAddress server)
{
    /// <summary>Its host, or the path of its socket.</summary>
    public readonly string Address = server.Host;

    /// <summary>Its port; <see langword="null"/> for a Unix domain socket.</summary>
    public readonly object? Port = server.Kind == AddressKind.Tcp ? server.Port : null;

    /// <summary>The whole address, such as <c>http://10.0.0.11:9000</c>.</summary>
    public readonly string Text = server.ToString();

    public void AddTo(ref System.Diagnostics.TagList tags)
    {
        tags.Add(Attributes.ServerAddress, Address);
        if (Port is not null) tags.Add(Attributes.ServerPort, Port);
    }
}
