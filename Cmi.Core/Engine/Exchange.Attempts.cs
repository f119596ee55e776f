using System.Buffers.Text;
using Cmi.Forwarding;
using Cmi.Http1;
using Cmi.Messages;
using Cmi.Servers;
using Cmi.Telemetry;

namespace Cmi.Engine;

// From the ticket to the connection, and what follows when an attempt fails.
internal sealed partial class Exchange : IDialer
{
    private long _enqueuedAt, _queueDeadline, _deadline;            // of the whole exchange: a retry keeps them
    private long _phaseDeadline;
    private int _attempt;
    private ServerSet _avoid;
    private int _lastStatus;                                        // what the last failed attempt would have answered
    private bool _staleForgiven;
    private bool _freshOnly;
    private bool _isIdempotent;                                     // by its method, or by a key that its servers know it by
    private byte _priority;
    private long _notBefore;                                        // a server has asked to be left alone until then
    private long _attemptAt;                                        // when this attempt began to ask its server
    private bool _isDialling;                                       // the server is dialled, not only a place among its connections awaited

    private JobGrant _grant;
    private bool _granted;
    private ServerLease _lease;
    private bool _reused;
    private CancellationTokenSource? _cancel;                       // made only when a plug-in does not answer at once
    private int _generation;                                        // answers to an earlier attempt are given back

    private CancellationToken Cancelled => (_cancel ??= new()).Token;

    private void ResetAttempts()
    {
        _enqueuedAt = -1;
        _attempt = 1;
        _avoid = default;
        _lastStatus = 0;
        _staleForgiven = _freshOnly = false;
        _notBefore = 0;
        _replyLeaves = _contentReleased = false;
        _resume = null;
        ResetTransfer();
    }

    // Anything but a number that a byte holds says nothing, as if the field were not there.
    private byte PriorityOf(RequestHead head) =>
        Settings.PriorityField is { } name && head.Fields.First(name) is var value && Utf8Parser.TryParse(value, out byte priority, out var read) && read == value.Length
            ? priority : (byte)0;

    /// <summary>Step 5: the ticket asks the queue; a grant names the server.</summary>
    private void Acquire()
    {
        if (Route.Group is not { } group)
        {
            DecideUnrouted();
            return;
        }
        var now = _state.Loop.Now;
        if (_enqueuedAt < 0)
        {
            (_enqueuedAt, _queueDeadline, _deadline) = (now, now + Settings.Queue, now + Settings.Exchange);
            group.Budget.Count(_state.Index, now);
        }
        _phase = Phase.Queued;
        _watch?.Asks(group.Name);
        var queue = group.Queue;
        var ticket = new JobTicket(Id, group.Name, _session.FairKey, AffinityKey: 0, _priority, _enqueuedAt, _queueDeadline, Request.Length, _attempt, _avoid);
        try
        {
            if (queue.TryAcquire(ticket, out _grant))
            {
                _granted = true;
                return;
            }
            var waiting = queue.AcquireAsync(ticket, Cancelled);
            if (waiting.IsCompletedSuccessfully) TakeGrant(waiting.Result);
            else _ = AwaitGrantAsync(waiting, queue, _generation);
        }
        catch (Exception e)
        {
            _state.Engine.Logger.JobQueueFailed(e);
            TakeGrant(null);
        }
    }

    private async Task AwaitGrantAsync(ValueTask<JobGrant?> waiting, IJobQueue queue, int generation)
    {
        JobGrant? grant = null;
        try
        {
            grant = await waiting;
        }
        catch (OperationCanceledException)
        {
            // As good as a refusal: the ticket was withdrawn.
        }
        catch (Exception e)
        {
            _state.Engine.Logger.JobQueueFailed(e);
        }
        if (generation == _generation) TakeGrant(grant);
        else if (grant is { } crossed) CompleteGrant(queue, crossed, GrantOutcome.Unused);
    }

    private void TakeGrant(JobGrant? grant)
    {
        if (grant is { } given)
        {
            (_grant, _granted) = (given, true);
            Wake();
        }
        else
        {
            Decide(_lastStatus != 0 ? _lastStatus : 503, "Too many requests wait for a server.");
        }
    }

    /// <summary>Step 6: a pooled connection is taken, or a new one dialled.</summary>
    private void Connect()
    {
        _phase = Phase.Connecting;
        _attemptAt = _state.Loop.Now;
        _phaseDeadline = _attemptAt + Settings.ServerConnect;
        _isDialling = false;
        _reused = !_freshOnly && _state.Pool.TryTake(_grant.Server, out _lease);
        BeginAttempt(_reused ? _lease.Counters : _state.Pool.CountersOf(_grant.Server));
        if (_reused) return;
        var dialled = _state.Pool.DialAsync(_grant.Server, this, Cancelled);
        if (dialled.IsCompletedSuccessfully) _lease = dialled.Result;
        else _ = AwaitDialAsync(dialled, _generation);
    }

    private async Task AwaitDialAsync(ValueTask<ServerLease> dialled, int generation)
    {
        try
        {
            var lease = await dialled;
            if (generation != _generation)
            {
                lease.Close();
                return;
            }
            _lease = lease;
            Wake();
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            if (generation == _generation) AttemptFailed(AttemptFault.ConnectFailed, e.Message);
        }
    }

    void IDialer.DialBegins() => _isDialling = true;

    /// <summary>Answers in the server's place, after which the connection closes: the request cannot be read to its end.</summary>
    public void Refuse(int status, string text)
    {
        WantsPersistence = false;
        Decide(status, text);
    }

    // RFC 9110 §15.5.20: nothing here speaks for such a host. The content was taken in before, so the connection lives on.
    private void DecideUnrouted() =>
        Decide(Route.Refusal, Route.Refusal == 421 ? "Requests for this host are not served here." : "No server is there for this path.");

    /// <summary>A reply of our own.</summary>
    private void Decide(int status, string text)
    {
        DropServer("its reply is not wanted any more", GrantOutcome.Unused);
        LeaveStarved();
        if (_replyLeaves)
        {
            if (_resume is null) Reply.Fail(text);
            else CutOff(_brokeAt!, text);
        }
        else
        {
            Reply.Reset();
            Reply.SetWhole(default);
            ReplyHead.Reset();
            (_own, _ownText) = (status, text);
            _state.Counters.OwnReplies++;
            _state.Counters.OwnByStatus[status - EngineCounters.FirstOwnStatus]++;
        }
        _phase = Phase.Done;
        Wake();
    }

    /// <summary>Lets go of the server, whatever was asked of it.</summary>
    private void DropServer(string reason, GrantOutcome outcome)
    {
        _generation++;
        if (_cancel is { } cancel)
        {
            _cancel = null;
            cancel.Cancel();
            cancel.Dispose();
        }
        if (!_lease.IsNone) _lease.Close(reason);
        _lease = default;
        _sendQueue.Clear(_state.Memory);
        _received.Clear(_state.Memory);
        EndAttempt(0, Attributes.Abandoned, reason);
        if (!_granted) return;
        _granted = false;
        CompleteGrant(outcome);
    }

    private void CompleteGrant(GrantOutcome outcome) => CompleteGrant(Route.Group!.Queue, _grant, outcome);

    // A grant that comes late finds this object with another exchange, of another route perhaps: it goes back to the queue that gave it.
    private void CompleteGrant(IJobQueue queue, JobGrant grant, GrantOutcome outcome)
    {
        try
        {
            queue.Complete(grant, outcome);
        }
        catch (Exception e)
        {
            _state.Engine.Logger.JobQueueFailed(e);
        }
    }
}
