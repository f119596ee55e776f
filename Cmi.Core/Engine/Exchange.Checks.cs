using Cmi.Http1;
using Cmi.Messages;
using Cmi.Telemetry;

namespace Cmi.Engine;

// Checks of a reply's content before it leaves; none by default, and then this costs a comparison.
internal sealed partial class Exchange
{
    private List<IReplyInspection>? _inspections;
    private bool _isInspected;

    private void BeginChecks(ResponseHead head)
    {
        if (Settings.Checks.Length == 0 || _replyFraming.Kind == FramingKind.None) return;
        try
        {
            foreach (var check in Settings.Checks)
            {
                if (check.Begin(new(head.Status, Method == Method.Get, head.Fields)) is { } inspection) (_inspections ??= []).Add(inspection);
            }
        }
        catch (Exception e)
        {
            CheckBroke(e);
        }
        _isInspected = _inspections is { Count: > 0 };
    }

    private void Inspect(ReadOnlySpan<byte> content)
    {
        if (!_isInspected || content.IsEmpty) return;
        try
        {
            foreach (var inspection in _inspections!) inspection.Append(content);
        }
        catch (Exception e)
        {
            CheckBroke(e);
        }
    }

    /// <summary>Whether a reply that is whole by its framing is what it should be; if not, the attempt has failed.</summary>
    private bool PassesChecks()
    {
        if (!_isInspected) return true;
        string? fault = null;
        try
        {
            foreach (var inspection in _inspections!) fault ??= inspection.Judge();
        }
        catch (Exception e)
        {
            CheckBroke(e);
        }
        EndChecks();
        if (fault is not null) AttemptFailed(AttemptFault.CheckFailed, fault);
        return fault is null;
    }

    private void EndChecks()
    {
        _isInspected = false;
        if (_inspections is not { Count: > 0 } inspections) return;
        foreach (var inspection in inspections) inspection.Dispose();
        inspections.Clear();
    }

    // A fault of the check says nothing about the reply.
    private void CheckBroke(Exception fault)
    {
        _state.Engine.Logger.ReplyCheckFailed(fault);
        EndChecks();
    }
}
