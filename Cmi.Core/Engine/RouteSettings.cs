using System.Text;
using Cmi.Integrity;
using Cmi.Messages;

namespace Cmi.Engine;

/// <summary>The options of one route as its exchanges use them: read once, in milliseconds and bytes. Immutable.</summary>
internal sealed class RouteSettings(CmiOptions options)
{
    public readonly long ClientContent = EngineSettings.Ms(options.Timeouts.ClientContent);
    public readonly long ServerConnect = EngineSettings.Ms(options.Timeouts.ServerConnect);
    public readonly long ServerHead = EngineSettings.Ms(options.Timeouts.ServerHead);
    public readonly long ServerContent = EngineSettings.Ms(options.Timeouts.ServerContent);
    public readonly long Queue = EngineSettings.Ms(options.Timeouts.Queue);
    public readonly long Exchange = EngineSettings.Ms(options.Timeouts.Exchange);
    public readonly long Tunnel = EngineSettings.Ms(options.Timeouts.Tunnel);

    public readonly long MaxRequestContentBytes = options.Limits.MaxRequestContentBytes;
    public readonly int MaxInterimResponses = options.Limits.MaxInterimResponses;

    public readonly int Attempts = options.Retry.Attempts;
    public readonly long HedgeAfter = EngineSettings.Ms(options.Retry.HedgeAfter);
    public readonly StatusSet RetryStatuses = StatusSet.TryParse(options.Retry.Statuses, out var statuses) ? statuses : StatusSet.Empty;
    public readonly long MaxRetryAfter = EngineSettings.Ms(options.Retry.MaxRetryAfter);
    public readonly byte[]? IdempotencyKeyField = NameOf(options.Retry.IdempotencyKeyField);
    public readonly IReplyCheck[] Checks = ChecksOf(options);
    public readonly CommitMode ReplyCommit = options.Reply.Commit;
    public readonly long ReplyHoldBytes = options.Reply.HoldBytes;
    public readonly long ReplyHoldTime = EngineSettings.Ms(options.Reply.HoldTime);
    public readonly bool TrustFin = options.Reply.TrustClose == CloseTrust.Fin;
    public readonly bool Resume = options.Reply.Resume;
    public readonly bool PersistHttp10 = options.Reply.PersistHttp10;
    public readonly CommitMode RequestCommit = options.Request.Commit;
    public readonly long RequestHoldBytes = options.Request.HoldBytes;
    public readonly long RequestHoldTime = EngineSettings.Ms(options.Request.HoldTime);
    public readonly byte[]? PriorityField = NameOf(options.Request.PriorityField);
    public readonly bool Distribute = options.Pipelining.Distribute == Distribution.Safe;
    public readonly bool AlwaysStore = options.Buffers.Always;

    private static byte[]? NameOf(string? field) => string.IsNullOrEmpty(field) ? null : Encoding.ASCII.GetBytes(field);

    private static IReplyCheck[] ChecksOf(CmiOptions options)
    {
        var checks = new List<IReplyCheck>(options.Reply.AllChecks);
        if (options.Reply.VerifyDigest) checks.Add(new DigestCheck());
        if (options.Reply.VerifyGzip) checks.Add(new GzipCheck(options.Reply.VerifyGzipBytes));
        return [.. checks];
    }
}
