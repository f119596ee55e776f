using System.Globalization;
using System.Text;
using Cmi.Simulation.Plans;

namespace Cmi.Simulation.World;

/// <summary>A request as its client writes it.</summary>
internal sealed class RequestBytes
{
    private const int ChunkBytes = 900;

    public RequestBytes(RequestPlan plan, int minor)
    {
        var head = new StringBuilder();
        head.Append(CultureInfo.InvariantCulture, $"{plan.Method} /{plan.Id} HTTP/1.{minor}\r\nHost: simulated\r\nX-Mark: {plan.Id}\r\n");
        if (minor == 0 && !plan.SaysClose) head.Append("Connection: keep-alive\r\n");
        if (minor == 1 && (plan.SaysClose || plan.TakesTrailers))
            head.Append("Connection: ").AppendJoin(", ", new[] { plan.SaysClose ? "close" : null, plan.TakesTrailers ? "TE" : null }.Where(option => option is not null)).Append("\r\n");
        if (plan.TakesTrailers) head.Append("TE: trailers\r\n");
        if (plan.Expects) head.Append("Expect: 100-continue\r\n");
        if (plan.Chunked) head.Append("Transfer-Encoding: chunked\r\n");
        else if (plan.Bytes > 0 || plan.Method is "POST" or "PUT") head.Append(CultureInfo.InvariantCulture, $"Content-Length: {plan.Bytes}\r\n");
        var bytes = new List<byte>(Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()));
        HeadLength = bytes.Count;
        var content = new byte[plan.Bytes];
        Pattern.Fill(content, plan.Id, Pattern.Request, 0);
        for (var at = 0; at < content.Length && plan.Chunked; at += ChunkBytes)
        {
            var chunk = content.AsSpan(at, Math.Min(ChunkBytes, content.Length - at));
            bytes.AddRange(Encoding.ASCII.GetBytes(chunk.Length.ToString("x", CultureInfo.InvariantCulture) + "\r\n"));
            bytes.AddRange(chunk);
            bytes.AddRange("\r\n"u8);
        }
        if (plan.Chunked) bytes.AddRange("0\r\n\r\n"u8);
        else bytes.AddRange(content);
        Bytes = [.. bytes];
    }

    /// <summary>All of it.</summary>
    public byte[] Bytes { get; }

    /// <summary>Where the content begins.</summary>
    public int HeadLength { get; }
}
