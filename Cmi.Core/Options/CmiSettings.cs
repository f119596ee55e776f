using Cmi.Forwarding;

namespace Cmi;

/// <summary>
/// Every setting of <see cref="CmiOptions"/> in one table: what the configuration may name, and the rules that the start holds it to. It stands in
/// for the binder of .NET, which stops at the first value that it cannot read and passes over a name that it does not know; and it needs no
/// reflection. Immutable.
/// </summary>
internal static class CmiSettings
{
    private const int MiB = 1024 * 1024;
    private const string Servers = "Servers:";
    private const string FieldForm = "the name of a field";

    private static readonly HashSet<string> MayDiffer =
    [
        "Timeouts:ClientContent", "Timeouts:ServerConnect", "Timeouts:ServerHead", "Timeouts:ServerContent", "Timeouts:Queue", "Timeouts:Exchange",
        "Timeouts:Tunnel", "Limits:MaxRequestContentBytes", "Limits:MaxInterimResponses", "Retry:Attempts", "Retry:Statuses", "Retry:MaxRetryAfter", "Retry:HedgeAfter",
        "Retry:IdempotencyKeyField", "Reply:Commit", "Reply:HoldBytes", "Reply:HoldTime", "Reply:TrustClose", "Reply:VerifyDigest", "Reply:VerifyGzip",
        "Reply:VerifyGzipBytes", "Reply:Resume", "Reply:PersistHttp10", "Request:Commit", "Request:HoldBytes", "Request:HoldTime", "Request:PriorityField",
        "Pipelining:Distribute", "Buffers:Always",
    ];

    internal static IReadOnlyList<Setting> All { get; } =
    [
        new AddressesSetting("Endpoints", o => o.Endpoints, ReadEndpoint),

        new AddressesSetting("Servers:Addresses", o => o.Servers.Addresses, ReadServer, NeedsNoDefaultGroup),
        new NumberSetting("Servers:MaxRequests", 0, 1_000_000,
            o => o.Servers.MaxRequests, (o, value) => o.Servers.MaxRequests = value),
        new NumberSetting("Servers:MaxConnections", 0, 1_000_000,
            o => o.Servers.MaxConnections, (o, value) => o.Servers.MaxConnections = value),
        new NumberSetting("Servers:MaxIdleConnections", 0, 65_536,
            o => o.Servers.MaxIdleConnections, (o, value) => o.Servers.MaxIdleConnections = value),
        new ChoiceSetting<ServerSelection>("Servers:Selection",
            o => o.Servers.Selection, (o, value) => o.Servers.Selection = value),
        new GroupsSetting(),
        new RoutesSetting(),

        new TimeSetting("Timeouts:ClientHead", o => o.Timeouts.ClientHead, (o, value) => o.Timeouts.ClientHead = value),
        new TimeSetting("Timeouts:ClientContent", o => o.Timeouts.ClientContent, (o, value) => o.Timeouts.ClientContent = value),
        new TimeSetting("Timeouts:ClientIdle", o => o.Timeouts.ClientIdle, (o, value) => o.Timeouts.ClientIdle = value),
        new TimeSetting("Timeouts:ClientSend", o => o.Timeouts.ClientSend, (o, value) => o.Timeouts.ClientSend = value),
        new TimeSetting("Timeouts:ServerConnect", o => o.Timeouts.ServerConnect, (o, value) => o.Timeouts.ServerConnect = value),
        new TimeSetting("Timeouts:ServerHead", o => o.Timeouts.ServerHead, (o, value) => o.Timeouts.ServerHead = value),
        new TimeSetting("Timeouts:ServerContent", o => o.Timeouts.ServerContent, (o, value) => o.Timeouts.ServerContent = value),
        new TimeSetting("Timeouts:ServerIdle", o => o.Timeouts.ServerIdle, (o, value) => o.Timeouts.ServerIdle = value),
        new TimeSetting("Timeouts:Queue", o => o.Timeouts.Queue, (o, value) => o.Timeouts.Queue = value),
        new TimeSetting("Timeouts:Exchange", o => o.Timeouts.Exchange, (o, value) => o.Timeouts.Exchange = value),
        new TimeSetting("Timeouts:Tunnel", o => o.Timeouts.Tunnel, (o, value) => o.Timeouts.Tunnel = value),
        new TimeSetting("Timeouts:DrainDelay", o => o.Timeouts.DrainDelay, (o, value) => o.Timeouts.DrainDelay = value, zeroAllowed: true),
        new TimeSetting("Timeouts:Drain", o => o.Timeouts.Drain, (o, value) => o.Timeouts.Drain = value, zeroAllowed: true),

        new NumberSetting("Limits:MaxRequestHeadBytes", 1024, MiB,
            o => o.Limits.MaxRequestHeadBytes, (o, value) => o.Limits.MaxRequestHeadBytes = value),
        new NumberSetting("Limits:MaxRequestLineBytes", 256, HighestRequestLine,
            o => o.Limits.MaxRequestLineBytes, (o, value) => o.Limits.MaxRequestLineBytes = value),
        new NumberSetting("Limits:MaxReplyHeadBytes", 1024, MiB,
            o => o.Limits.MaxReplyHeadBytes, (o, value) => o.Limits.MaxReplyHeadBytes = value),
        new NumberSetting("Limits:MaxFields", 16, 10_000, o => o.Limits.MaxFields, (o, value) => o.Limits.MaxFields = value),
        new NumberSetting("Limits:MaxRequestContentBytes",
            o => o.Limits.MaxRequestContentBytes, (o, value) => o.Limits.MaxRequestContentBytes = value),
        new NumberSetting("Limits:MaxPipelinedRequests", 1, 10_000,
            o => o.Limits.MaxPipelinedRequests, (o, value) => o.Limits.MaxPipelinedRequests = value),
        new NumberSetting("Limits:MaxPipelinedBytes",
            o => o.Limits.MaxPipelinedBytes, (o, value) => o.Limits.MaxPipelinedBytes = value),
        new NumberSetting("Limits:MaxConnections", 0, 10_000_000,
            o => o.Limits.MaxConnections, (o, value) => o.Limits.MaxConnections = value),
        new NumberSetting("Limits:MaxQueuedRequests", 0, 10_000_000,
            o => o.Limits.MaxQueuedRequests, (o, value) => o.Limits.MaxQueuedRequests = value),
        new NumberSetting("Limits:MaxInterimResponses", 1, 1_000,
            o => o.Limits.MaxInterimResponses, (o, value) => o.Limits.MaxInterimResponses = value),

        new NumberSetting("Retry:Attempts", 1, 10, o => o.Retry.Attempts, (o, value) => o.Retry.Attempts = value),
        new TextSetting("Retry:Statuses", o => o.Retry.Statuses, (o, value) => o.Retry.Statuses = value,
            "a list of 429, 502, 503 and 504", text => SettingForms.IsRetryStatuses(text) ? null : "must be a list of 429, 502, 503 and 504"),
        new TimeSetting("Retry:MaxRetryAfter", o => o.Retry.MaxRetryAfter, (o, value) => o.Retry.MaxRetryAfter = value, zeroAllowed: true),
        new TimeSetting("Retry:HedgeAfter", o => o.Retry.HedgeAfter, (o, value) => o.Retry.HedgeAfter = value, zeroAllowed: true),
        new ShareSetting("Retry:BudgetShare", 10, o => o.Retry.BudgetShare, (o, value) => o.Retry.BudgetShare = value),
        new NumberSetting("Retry:BudgetMinimumPerSecond", 0, 1_000_000,
            o => o.Retry.BudgetMinimumPerSecond, (o, value) => o.Retry.BudgetMinimumPerSecond = value),
        new TextSetting("Retry:IdempotencyKeyField", o => o.Retry.IdempotencyKeyField, (o, value) => o.Retry.IdempotencyKeyField = value,
            FieldForm, FieldFault),

        new NumberSetting("Health:Failures", 1, 10_000, o => o.Health.Failures, (o, value) => o.Health.Failures = value),
        new ShareSetting("Health:FailureShare", 1, o => o.Health.FailureShare, (o, value) => o.Health.FailureShare = value),
        new NumberSetting("Health:FailureShareRequests", 1, 1_000_000,
            o => o.Health.FailureShareRequests, (o, value) => o.Health.FailureShareRequests = value),
        new TimeSetting("Health:Window", o => o.Health.Window, (o, value) => o.Health.Window = value),
        new TimeSetting("Health:EjectionTime", o => o.Health.EjectionTime, (o, value) => o.Health.EjectionTime = value),
        new TimeSetting("Health:MaxEjectionTime", o => o.Health.MaxEjectionTime, (o, value) => o.Health.MaxEjectionTime = value),
        new ShareSetting("Health:MaxEjectedShare", 1, o => o.Health.MaxEjectedShare, (o, value) => o.Health.MaxEjectedShare = value),
        new TimeSetting("Health:ProbeInterval", o => o.Health.ProbeInterval, (o, value) => o.Health.ProbeInterval = value),
        new ChoiceSetting<HealthProbeKind>("Health:Probe", o => o.Health.Probe, (o, value) => o.Health.Probe = value),
        new TextSetting("Health:Path", o => o.Health.Path, (o, value) => o.Health.Path = value,
            "a path that begins with '/'", text => SettingForms.IsPath(text) ? null : "must be a path that begins with '/'"),
        new TextSetting("Health:Host", o => o.Health.Host, (o, value) => o.Health.Host = value,
            "a host name with or without a port", text => SettingForms.IsHost(text) ? null : "must be a host name with or without a port"),
        new TextSetting("Health:Statuses", o => o.Health.Statuses, (o, value) => o.Health.Statuses = value!,
            "a list of status codes and ranges of them, such as 200-299, 401", text => SettingForms.IsStatuses(text) ? null : "must be a list of status codes and ranges of them, such as 200-299, 401"),
        new TimeSetting("Health:Interval", o => o.Health.Interval, (o, value) => o.Health.Interval = value),
        new TimeSetting("Health:Timeout", o => o.Health.Timeout, (o, value) => o.Health.Timeout = value),
        new NumberSetting("Health:HealthyThreshold", 1, 1_000, o => o.Health.HealthyThreshold, (o, value) => o.Health.HealthyThreshold = value),
        new NumberSetting("Health:UnhealthyThreshold", 1, 1_000, o => o.Health.UnhealthyThreshold, (o, value) => o.Health.UnhealthyThreshold = value),
        new TimeSetting("Health:SlowStart", o => o.Health.SlowStart, (o, value) => o.Health.SlowStart = value, zeroAllowed: true),

        new ChoiceSetting<CommitMode>("Reply:Commit", o => o.Reply.Commit, (o, value) => o.Reply.Commit = value),
        new NumberSetting("Reply:HoldBytes", o => o.Reply.HoldBytes, (o, value) => o.Reply.HoldBytes = value),
        new TimeSetting("Reply:HoldTime", o => o.Reply.HoldTime, (o, value) => o.Reply.HoldTime = value, zeroAllowed: true),
        new ChoiceSetting<CloseTrust>("Reply:TrustClose", o => o.Reply.TrustClose, (o, value) => o.Reply.TrustClose = value),
        new FlagSetting("Reply:VerifyDigest", (o, value) => o.Reply.VerifyDigest = value),
        new FlagSetting("Reply:VerifyGzip", (o, value) => o.Reply.VerifyGzip = value),
        new NumberSetting("Reply:VerifyGzipBytes", o => o.Reply.VerifyGzipBytes, (o, value) => o.Reply.VerifyGzipBytes = value),
        new FlagSetting("Reply:Resume", (o, value) => o.Reply.Resume = value),
        new FlagSetting("Reply:PersistHttp10", (o, value) => o.Reply.PersistHttp10 = value),

        new ChoiceSetting<CommitMode>("Request:Commit", o => o.Request.Commit, (o, value) => o.Request.Commit = value),
        new NumberSetting("Request:HoldBytes", o => o.Request.HoldBytes, (o, value) => o.Request.HoldBytes = value),
        new TimeSetting("Request:HoldTime", o => o.Request.HoldTime, (o, value) => o.Request.HoldTime = value, zeroAllowed: true),
        new TextSetting("Request:PriorityField", o => o.Request.PriorityField, (o, value) => o.Request.PriorityField = value, FieldForm, FieldFault),

        new ChoiceSetting<Distribution>("Pipelining:Distribute",
            o => o.Pipelining.Distribute, (o, value) => o.Pipelining.Distribute = value),
        new ChoiceSetting<ForwardedFields>("Forwarded:Fields", o => o.Forwarded.Fields, (o, value) => o.Forwarded.Fields = value),
        new ChoiceSetting<ReceivedForwarded>("Forwarded:Received", o => o.Forwarded.Received, (o, value) => o.Forwarded.Received = value),
        new AddressesSetting("Forwarded:TrustedNetworks", o => o.Forwarded.TrustedNetworks, ReadNetwork, mayBeEmpty: _ => true),

        new FlagSetting("Buffers:Always", (o, value) => o.Buffers.Always = value),
        new FlagSetting("SelfExercise", (o, value) => o.SelfExercise = value),

        new TextSetting("AccessLog:Path", o => o.AccessLog.Path, (o, value) => o.AccessLog.Path = value, "the path of a file, or -", PathFault),
        new TextSetting("AccessLog:Template", o => o.AccessLog.Template, (o, value) => o.AccessLog.Template = value, "text with names in braces", TemplateFault),
        new NumberSetting("AccessLog:BufferBytes", 65_536, 1024 * MiB,
            o => o.AccessLog.BufferBytes, (o, value) => o.AccessLog.BufferBytes = value),
    ];

    /// <summary>The settings of a server group, by their names in it.</summary>
    internal static SettingTable OfGroups { get; } = new(All.Where(s => s.Key.StartsWith(Servers, StringComparison.Ordinal)).Select(s => (s.Key[Servers.Length..], s)));

    /// <summary>The settings that a route may have of its own: those that are looked at when its exchanges run.</summary>
    internal static SettingTable OfRoutes { get; } = new(All.Where(s => MayDiffer.Contains(s.Key)).Select(s => (s.Key, s)));

    /// <summary>All settings, by their names.</summary>
    internal static SettingTable OfEngine { get; } = new(All.Select(s => (s.Key, s)));

    /// <summary>Everything that is wrong with options, whoever has set them.</summary>
    internal static List<string> Faults(CmiOptions options)
    {
        var faults = new List<string>();
        foreach (var setting in All) setting.Check(options, faults);
        return faults;
    }

    // With routes, the group may be without servers if none of them leads there.
    private static bool NeedsNoDefaultGroup(CmiOptions o) =>
        o.Routes.Count > 0 && !o.Routes.Any(r => r.Group.Equals(CmiOptions.DefaultName, StringComparison.OrdinalIgnoreCase));

    // Of a head limit that is a fault itself nothing follows for the line.
    private static int HighestRequestLine(CmiOptions o) => o.Limits.MaxRequestHeadBytes is var head and >= 1024 and <= MiB ? head : MiB;

    private static string? FieldFault(string text) => SettingForms.IsFieldName(text) ? null : $"must be {FieldForm}";

    private static string? PathFault(string path) =>
        path != Telemetry.AccessLogFile.StandardOutput && !Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(path))) ? "is in no directory that is there" : null;

    private static string? TemplateFault(string template) => Telemetry.TemplateAccessLine.TryParse(template, out _, out var fault) ? null : fault;

    // Two endpoints with port 0 get different ports, so they are not the same.
    private static (string?, object?) ReadEndpoint(string? text) =>
        !ListenAddress.TryParse(text, out var address, out var fault) ? (fault, null)
        : (null, address is { Kind: AddressKind.Tcp, Port: 0 } ? null : address);

    private static (string?, object?) ReadNetwork(string? text) =>
        text == PeerRule.UnixPeers ? (null, text) : PeerRule.TryParse(text, out var network) ? (null, network) : (PeerRule.Form, null);

    // RFC 9110 §4.2.3: the case of a host name says nothing.
    private static (string?, object?) ReadServer(string? text) =>
        !ServerAddress.TryParse(text, out var address, out var fault) ? (fault, null)
        : (null, address.Kind == AddressKind.Unix ? address : address with { Host = address.Host.ToUpperInvariant() });
}
