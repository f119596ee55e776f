using System.Buffers.Text;
using Cmi.Forwarding;
using Cmi.Http1;
using Cmi.Messages;
using Cmi.Servers;
using Cmi.Telemetry;

namespace Cmi.Engine;

// From the ticket to the connection, and what follows when an attempt fails.
internal sealed partial class Exchange
{
    private long _enqueuedAt, _queueDeadline, _deadline;            // of the whole exchange: a retry keeps them
    private int _attempts;                                          // begun, but for those that do not count
    private ServerSet _avoid;
    private int _lastStatus;                                        // what the last failed attempt would have answered
    private bool _staleForgiven;
    private bool _freshOnly;
    private bool _isIdempotent;                                     // by its method, or by a key that its servers know it by
    private byte _priority;
    private long _notBefore;                                        // a server has asked to be left alone until then


    private void ResetAttempts()
    {
        _enqueuedAt = -1;
        _attempts = 1;
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
        var (ticket, attempt) = (Ticket(_attempts, _avoid), _current);
        try
        {
            if (queue.TryAcquire(ticket, out attempt.Grant))
            {
                attempt.IsGranted = true;
                return;
            }
            var waiting = queue.AcquireAsync(ticket, attempt.Cancelled);
            if (waiting.IsCompletedSuccessfully) TakeGrant(waiting.Result);
            else _ = AwaitGrantAsync(waiting, queue, attempt, attempt.Generation);
        }
        catch (Exception e)
        {
            _state.Engine.Logger.JobQueueFailed(e);
            TakeGrant(null);
        }
    }

    private JobTicket Ticket(int attempt, ServerSet avoid) =>
        new(Id, Route.Group!.Name, _session.FairKey, AffinityKey: 0, _priority, _enqueuedAt, _queueDeadline, Request.Length, attempt, avoid);

    private async Task AwaitGrantAsync(ValueTask<JobGrant?> waiting, IJobQueue queue, ServerAttempt attempt, int generation)
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
        if (generation == attempt.Generation) TakeGrant(grant);
        else if (grant is { } crossed) CompleteGrant(queue, crossed, GrantOutcome.Unused);
    }

    private void TakeGrant(JobGrant? grant)
    {
        if (grant is { } given)
        {
            (_current.Grant, _current.IsGranted) = (given, true);
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
        _current.StartedAt = _state.Loop.Now;
        _current.Deadline = _current.StartedAt + Settings.ServerConnect;
        if (Settings.HedgeAfter > 0) _hedgeAt = FirstHedge();
        _current.IsDialling = false;
        _current.IsReused = !_freshOnly && _state.Pool.TryTake(_current.Grant.Server, out _current.Lease);
        BeginAttempt(_current.IsReused ? _current.Lease.Counters : _state.Pool.CountersOf(_current.Grant.Server));
        if (_current.IsReused) return;
        var dialled = _state.Pool.DialAsync(_current.Grant.Server, _current, _current.Cancelled);
        if (dialled.IsCompletedSuccessfully) _current.Lease = dialled.Result;
        else _ = AwaitDialAsync(dialled, _current, _current.Generation);
    }

    private async Task AwaitDialAsync(ValueTask<ServerLease> dialled, ServerAttempt attempt, int generation)
    {
        try
        {
            var lease = await dialled;
            if (generation != attempt.Generation)
            {
                lease.Close();
                return;
            }
            attempt.Lease = lease;
            Wake();
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            if (generation != attempt.Generation) return;
            if (attempt != _current) Swap();
            AttemptFailed(AttemptFault.ConnectFailed, e.Message);
        }
    }


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
        DropServers("its reply is not wanted any more");
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

    /// <summary>Lets go of the server of the attempt in hand, whatever was asked of it.</summary>
    private void DropServer(string reason, GrantOutcome outcome)
    {
        _current.Generation++;
        if (_current.Cancel is { } cancel)
        {
            _current.Cancel = null;
            cancel.Cancel();
            cancel.Dispose();
        }
        if (!_current.Lease.IsNone) _current.Lease.Close(reason);
        _current.Lease = default;
        _current.SendQueue.Clear(_state.Memory);
        _current.Received.Clear(_state.Memory);
        EndAttempt(0, Attributes.Abandoned, reason);
        if (!_current.IsGranted) return;
        _current.IsGranted = false;
        CompleteGrant(outcome);
    }

    private void CompleteGrant(GrantOutcome outcome) => CompleteGrant(Route.Group!.Queue, _current.Grant, outcome);

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
