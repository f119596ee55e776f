using Cmi.Forwarding;
using Cmi.Http1;
using Cmi.Loops;
using Cmi.Messages;

namespace Cmi.Engine;

// From the client's bytes to exchanges in the ring.
internal sealed partial class ClientSession
{
    private const int HeadReceiveBytes = 16 * 1024;

    private LoopMemory.Held _received;                              // an incomplete head, or requests for which the ring had no place
    private int _scanned;
    private Exchange? _reading;                                     // whose content arrives: the last of the ring
    private ContentDecoder _decoder;
    private long _headSince = -1;                                   // when the first byte of an incomplete head came
    private long _lastRead, _idleSince;
    private bool _readPaused;                                       // not the client is late but a store is full
    private bool _noMoreRequests, _inputEnded, _drain;
    private bool _hasSentContent;                                   // old clients send a line break behind it (RFC 9112 §2.2), which may cost what is held back at the close
    private bool _clientCloses;                                     // it said that it asks for nothing more, and was read to its end

    private bool HasPlace => _back is not { IsUpgrade: true } && _count < _state.Settings.MaxPipelinedRequests && (_count == 0 || _bytesInHand < _state.Settings.MaxPipelinedBytes);

    private bool HasInput => !_inputEnded && _connection.HasInput;

    /// <summary>Reads requests as far as they have come and the ring has place: beyond the bound the client's bytes stay with the transport.</summary>
    private bool ReadRequests()
    {
        var progress = false;
        while (_stage == Stage.Open && (_reading is { } exchange ? ReadContent(exchange) : !_noMoreRequests && HasPlace && ReadHeads())) progress = true;
        if (_drain) (_noMoreRequests, _headSince) = (true, -1);     // what has not come whole by then is not waited for
        return progress;
    }

    /// <summary>Step 2: bytes become request heads.</summary>
    /// <returns>Whether there may be more to do at once.</returns>
    private bool ReadHeads()
    {
        var scratch = _state.Memory.Scratch;
        var (start, length) = (0, _received.Length);
        if (length == 0 && !HasInput) return false;
        _received.Bytes.CopyTo(scratch);
        var (found, incomplete) = (false, false);
        while (_reading is null && !_noMoreRequests && HasPlace)
        {
            if (start < length && !incomplete)
            {
                var status = RequestReader.Read(scratch.AsMemory(start, length - start), ref _scanned, _state.Settings.RequestHead, _state.RequestHead, out var consumed, out var error);
                if (status == ReadStatus.Done)
                {
                    start += consumed;
                    TakeHead(_state.RequestHead);
                    found = true;
                    continue;
                }
                if (status == ReadStatus.Invalid)
                {
                    start = length;
                    RefuseInput(error.Status, error.Explanation, _state.RequestHead.Method);
                    found = true;
                    break;
                }
            }
            incomplete = true;
            if (!HasInput) break;
            if (start > 0)
            {
                scratch.AsSpan(start, length - start).CopyTo(scratch);
                (start, length) = (0, length - start);
            }
            var io = _connection.TryReceive(scratch.AsSpan(length, HeadReceiveBytes), out var count);
            if (io == IoStatus.Failed)
            {
                Cut("the connection broke");
                return false;
            }
            if (io == IoStatus.End)
            {
                // Half-closed: the replies to whole requests still go out (RFC 9112 §9.6); a head that is not whole never will be.
                (_inputEnded, _noMoreRequests, start, found) = (true, true, length, true);
                break;
            }
            if (io == IoStatus.WouldBlock) break;
            length += count;
            incomplete = false;
        }
        var rest = scratch.AsSpan(start, length - start);
        _received.Set(_state.Memory, rest);
        var waitsForHead = incomplete && !rest.IsEmpty && !(rest.Length <= 2 && rest[0] == '\r');    // an empty line before a request is not yet one
        if (!waitsForHead) _headSince = -1;
        else if (_headSince < 0 || found) _headSince = _state.Loop.Now;
        return found;
    }

    /// <summary>Step 3: how the content ends is decided. Step 5: the exchange takes its place in the ring.</summary>
    private void TakeHead(RequestHead head)
    {
        if (!MessageFraming.TryOfRequest(head, out var framing, out var error))
        {
            RefuseRequest(head, error.Status, error.Explanation, _state.Configuration.Unrouted);
            return;
        }
        var route = _state.Configuration.RouteOf(head);
        if (framing.Kind == FramingKind.Length && framing.Length > route.Settings.MaxRequestContentBytes)
        {
            RefuseRequest(head, ProtocolError.ContentTooLarge.Status, ProtocolError.ContentTooLarge.Explanation, route);
            return;
        }
        if (ViaField.IsLoop(head.Fields, CmiEngine.Pseudonym))
        {
            RefuseRequest(head, 508, "The request goes round in a loop.", route);
            return;
        }
        var exchange = _state.Rent();
        exchange.Begin(this, route, head, framing);
        Add(exchange);
        _bytesInHand += exchange.RequestBytes;
        if (!exchange.WantsPersistence) (_clientCloses, _noMoreRequests) = (true, true);     // RFC 9112 §9.6: what comes behind is not a request
        if (exchange.IsRequestWhole) return;
        (_reading, _decoder, _lastRead, _hasSentContent) = (exchange, new(framing), _state.Loop.Now, true);
        if (!exchange.Request.TryOpen(framing.Kind == FramingKind.Length ? framing.Length : null)) Refuse(exchange, 503, "No room to hold the request.");
    }

    /// <summary>Step 4: content is de-framed into the exchange's buffer.</summary>
    /// <returns>Whether there may be more to do at once.</returns>
    private bool ReadContent(Exchange exchange)
    {
        if (exchange.IsDecided)
        {
            StopReading();                                          // answered before its end: the reply says that the connection closes
            return false;
        }
        var room = exchange.Request.CheckRoom();
        if (_readPaused) _lastRead = _state.Loop.Now;                // the client's time was not its own
        _readPaused = room != RoomAnswer.Ok;
        switch (room)
        {
            case RoomAnswer.Wait:
                return false;
            case RoomAnswer.Full when exchange.GiveUpReplay():
                _state.Starved(this);
                return false;
            case RoomAnswer.Full or RoomAnswer.Failed:
                Refuse(exchange, 503, "No room to hold the request.");
                return true;
        }
        var scratch = _state.Memory.Scratch;
        if (!_received.IsEmpty)
        {
            var kept = _received.Length;
            _received.Bytes.CopyTo(scratch);
            _received.Clear(_state.Memory);
            return TakeContent(exchange, scratch.AsSpan(0, kept));
        }
        if (!HasInput) return false;
        var direct = _decoder.Remaining > HeadReceiveBytes;          // large content goes straight into the store
        var into = scratch.AsSpan(0, LoopMemory.MaxReceiveBytes);
        if (direct)
        {
            into = exchange.Request.GetMemory(HeadReceiveBytes).Span;
            if (into.Length > _decoder.Remaining) into = into[..(int)_decoder.Remaining];
            if (into.IsEmpty)
            {
                Refuse(exchange, 503, "No room to hold the request.");
                return true;
            }
        }
        var io = _connection.TryReceive(into, out var count);
        if (direct) exchange.Request.Advance(count);
        switch (io)
        {
            case IoStatus.WouldBlock:
                return false;
            case IoStatus.Failed:
                Cut("the connection broke");
                return false;
            case IoStatus.End:
                // A cut upload never becomes a request: nobody waits for its reply (RFC 9112 §8).
                _inputEnded = true;
                StopReading();
                if (exchange.IsLeaving) CutReply(exchange);         // nor may what has left of its reply look whole
                else RemoveBack();
                return true;
        }
        _lastRead = _state.Loop.Now;
        if (!direct) return TakeContent(exchange, into[..count]);
        _decoder.Skip(count);
        Count(exchange, count);
        return _decoder.Remaining > 0 || TakeContent(exchange, default);
    }

    private bool TakeContent(Exchange exchange, ReadOnlySpan<byte> input)
    {
        for (; ; )
        {
            var status = _decoder.Decode(input, out var consumed, out var at, out var count);
            if (count > 0)
            {
                if (!exchange.Request.Append(input.Slice(at, count)))
                {
                    Refuse(exchange, 503, "No room to hold the request.");
                    return true;
                }
                Count(exchange, count);
            }
            input = input[consumed..];
            if (exchange.Request.Length > exchange.Route.Settings.MaxRequestContentBytes)
            {
                Refuse(exchange, ProtocolError.ContentTooLarge.Status, ProtocolError.ContentTooLarge.Explanation);
                return true;
            }
            switch (status)
            {
                case DecodeStatus.NeedMore:
                    return true;
                case DecodeStatus.Invalid:
                    Refuse(exchange, _decoder.Error.Status, _decoder.Error.Explanation);
                    return true;
                case DecodeStatus.End:
                    _received.Set(_state.Memory, input);
                    _reading = null;
                    exchange.RequestArrived();
                    return true;
            }
        }
    }

    private void Count(Exchange exchange, int bytes)
    {
        exchange.RequestBytes += bytes;
        _bytesInHand += bytes;
        exchange.MarkWoken();
    }

    /// <summary>Answers a request that cannot be read to its end; nothing behind it is read.</summary>
    private void Refuse(Exchange exchange, int status, string text)
    {
        StopReading();
        exchange.Refuse(status, text);
    }

    /// <summary>Answers bytes that are no request; nothing behind them is read.</summary>
    /// <param name="status">The status code.</param>
    /// <param name="text">Why.</param>
    /// <param name="method">The method, as far as it was understood.</param>
    private void RefuseInput(int status, string text, Method method = Method.Other) =>
        Refuse(method, head: null, status, text, _state.Configuration.Unrouted);

    /// <summary>Answers a request by its head alone; its content is not read, nor what is behind it.</summary>
    private void RefuseRequest(RequestHead head, int status, string text, Route route) => Refuse(head.Method, head, status, text, route);

    private void Refuse(Method method, RequestHead? head, int status, string text, Route route)
    {
        StopReading();
        var exchange = _state.Rent();
        exchange.BeginRefused(this, route, method, head, status, text);
        Add(exchange);
    }

    private void StopReading()
    {
        _reading = null;
        _noMoreRequests = true;
        _clientCloses = false;                                      // what is not read may still be on its way
        _headSince = -1;
        _received.Clear(_state.Memory);
    }
}
