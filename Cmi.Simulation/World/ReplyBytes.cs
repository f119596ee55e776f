using System.Globalization;
using System.Text;
using Cmi.Simulation.Judging;
using Cmi.Simulation.Plans;

namespace Cmi.Simulation.World;

/// <summary>A reply as its server writes it, and where its fault strikes.</summary>
internal sealed class ReplyBytes
{
    private const int ChunkBytes = 700;

    public ReplyBytes(RequestPlan request, Attempt attempt)
    {
        var plan = attempt.Plan;
        var part = RestPart.Of(request, attempt);
        attempt.GivesRest = part is not null && plan.ToRest == RestAnswer.Right;
        var framing = part is not null || plan is { IsOld: true, Framing: ReplyFraming.Chunked } ? ReplyFraming.Length : plan.Framing;
        var hasContent = HasContent(request, plan);
        var (first, length, version) = part is { } given ? (given.First, given.Last - given.First + 1, given.Version) : (0, plan.Bytes, plan.Version);
        var head = new StringBuilder();
        for (var i = 0; i < plan.Interims && !plan.IsOld; i++) head.Append(CultureInfo.InvariantCulture, $"HTTP/1.1 103 Early Hints\r\nX-Mark: {request.Id}\r\n\r\n");
        var interims = head.Length;
        head.Append(CultureInfo.InvariantCulture, $"HTTP/1.{(plan.IsOld ? 0 : 1)} {(part is null ? plan.Status : 206)} Any\r\nX-Mark: {request.Id}\r\nX-Attempt: {request.Id}.{attempt.Number}.{plan.Bytes}\r\n");
        if (plan.SaysClose) head.Append("Connection: close\r\n");
        if (version > 0) head.Append(CultureInfo.InvariantCulture, $"ETag: {RestPart.Tag(request.Id, version)}\r\nAccept-Ranges: bytes\r\n");
        if (part is { } range) head.Append(CultureInfo.InvariantCulture, $"Content-Range: bytes {range.First}-{range.Last}/{range.Total}\r\n");
        if (framing == ReplyFraming.Length && plan.Status != 204) head.Append(CultureInfo.InvariantCulture, $"Content-Length: {length}\r\n");
        if (framing == ReplyFraming.Chunked && plan.Status != 204) head.Append("Transfer-Encoding: chunked\r\n");
        var bytes = new List<byte>(Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()));
        HeadLength = bytes.Count;
        EndsWithConnection = hasContent && framing == ReplyFraming.UntilClose;
        var content = new byte[hasContent ? length : 0];
        Pattern.Fill(content, request.Id, version == 0 ? attempt.Number : Pattern.OfVersion + version, first);
        // Garbage in chunks must stand where a size is due: within a chunk it would be content.
        var (atChunk, strikes) = (HeadLength, HeadLength + (int)(plan.Share * (long)content.Length / 1000));
        if (hasContent && framing == ReplyFraming.Chunked)
        {
            for (var at = 0; at < content.Length; at += ChunkBytes)
            {
                if (bytes.Count <= strikes) atChunk = bytes.Count;
                var chunk = content.AsSpan(at, Math.Min(ChunkBytes, content.Length - at));
                bytes.AddRange(Encoding.ASCII.GetBytes(chunk.Length.ToString("x", CultureInfo.InvariantCulture) + "\r\n"));
                bytes.AddRange(chunk);
                bytes.AddRange("\r\n"u8);
            }
            bytes.AddRange(Encoding.ASCII.GetBytes(plan.Trailers ? $"0\r\nX-Trail: {Trail(request.Id, attempt.Number)}\r\n\r\n" : "0\r\n\r\n"));
        }
        else
        {
            bytes.AddRange(content);
        }
        Bytes = [.. bytes];
        if (plan.Fault is Fault.None or Fault.EarlyReply || plan.Phase is not (Phase.InHead or Phase.InContent)) return;
        // Without content there is only the head to strike in.
        var inHead = interims + 1 + (int)(plan.Share * (long)(HeadLength - interims - 4) / 1000);
        StrikesAt = plan.Phase == Phase.InHead || content.Length == 0 ? inHead : plan.Fault == Fault.Garbage ? atChunk : strikes;
    }

    /// <summary>All of it.</summary>
    public byte[] Bytes { get; }

    /// <summary>Where the content begins.</summary>
    public int HeadLength { get; }

    /// <summary>Whether the end of the connection is the end of the content.</summary>
    public bool EndsWithConnection { get; }

    /// <summary>Behind how many bytes the fault strikes.</summary>
    public int? StrikesAt { get; }

    /// <summary>Whether content follows the head (RFC 9112 §6.3 rule 1).</summary>
    public static bool HasContent(RequestPlan request, ReplyPlan plan) => request.Method != "HEAD" && plan.Status is not (204 or 304);

    /// <summary>The value of a trailer field.</summary>
    public static string Trail(int id, int attempt) => string.Create(CultureInfo.InvariantCulture, $"{id}.{attempt}");
}
