using System.Globalization;

namespace Cmi.Tests.Fuzz.Exchanges;

/// <summary>What a client has asked for, by the tolerant reference: all that may ever reach a server because of it.</summary>
internal sealed class AskedRequests
{
    private AskedRequests()
    {
    }

    /// <summary>The requests in order. The last may be incomplete or malformed: behind it, and behind one that says close, nothing is a request.</summary>
    public List<ReferenceMessage> All { get; } = [];

    /// <summary>How many from the first on must be served, for there is nothing wrong with them.</summary>
    public int Served { get; private set; }

    public static AskedRequests Of(string text)
    {
        var asked = new AskedRequests();
        var isRight = true;
        for (var at = 0; at < text.Length;)
        {
            var request = ReferenceParser.Request(text, at, Tolerance.Tolerant);
            if (!request.HasHead && text.AsSpan(at) is "\r" or "\r\n") break;         // no request yet
            asked.All.Add(request);
            isRight = isRight && request.Verdict == Verdict.Whole && ReferenceParser.Request(text, at).Verdict == Verdict.Whole && IsForServers(request);
            if (isRight) asked.Served++;
            if (request.Verdict != Verdict.Whole || !request.IsPersistent) break;
            at += request.Length;
        }
        return asked;
    }

    /// <summary>What a reply to this request is known by.</summary>
    public static string MarkOf(ReferenceMessage request)
    {
        var hash = 2166136261u;
        foreach (var c in $"{request.Method} {request.Path} {request.Authority}\n{request.Content}") hash = unchecked((hash ^ c) * 16777619u);
        return hash.ToString("x8", CultureInfo.InvariantCulture);
    }

    /// <summary>Whether a server has to answer it: the gateway itself answers some that are right.</summary>
    private static bool IsForServers(ReferenceMessage request) =>
        request.Length < FuzzInput.SmallBytes &&
        request.All("host").Append(request.Authority).All(RequestProperties.IsPlain) &&
        request.All("expect").All(value => value == "100-continue") &&
        request.All("connection").Sum(value => value.Length) < 60 &&
        !(request.All("max-forwards").Any(value => value.Trim('0').Length == 0) && request.Method is "OPTIONS" or "TRACE") &&
        !request.All("via").Any(value => value.Contains("cmi", StringComparison.Ordinal)) &&
        !request.All("upgrade").Any();
}
