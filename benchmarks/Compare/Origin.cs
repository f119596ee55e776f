using System.Globalization;
using System.Text;
using System.Text.Json;
using Cmi.Sockets;

namespace Cmi.Benchmarks.Compare;

/// <summary>
/// The servers of a measurement, several ports on one loop in a process of its own: <c>/KIND/BYTES?id=N&amp;delay=MS</c>, where the kind is
/// <c>length</c>, <c>chunked</c> or <c>close</c> (no length, ends with the connection). The content begins with the id in eight digits.
/// <para>Prints its ports, then for each line on standard input what it has counted since the line before.</para>
/// </summary>
internal sealed class Origin
{
    private readonly List<long> _heldTicks = [];

    public static async Task<int> RunAsync(int ports)
    {
        var origin = new Origin();
        await using var manager = new SocketConnectionManager(new() { LoopCount = 1 });
        var picked = new List<int>();
        for (var i = 0; i < ports; i++)
        {
            var listener = await manager.ListenAsync(new(AddressKind.Tcp, "127.0.0.1", 0), connection => connection.SetOwner(new OriginConnection(origin)), default);
            picked.Add(listener.Address.Port);
        }
        Console.WriteLine(string.Join(' ', picked));
        while (await Console.In.ReadLineAsync() is not null)
        {
            var told = new TaskCompletionSource<string>();
            manager.Loops[0].Post(_ => told.SetResult(origin.Tell()), null);
            Console.WriteLine(await told.Task);
        }
        return 0;
    }

    /// <summary>A reply was taken by the kernel to its last byte.</summary>
    public void Replied(long ticks) => _heldTicks.Add(ticks);

    private string Tell()
    {
        var held = _heldTicks.ConvertAll(ticks => ticks / (double)TimeSpan.TicksPerMillisecond);
        var told = new Dictionary<string, double>
        {
            ["replies"] = held.Count,
            ["heldMilliseconds"] = held.Count > 0 ? held.Average() : 0,
            ["longestHeldMilliseconds"] = held.Count > 0 ? held.Max() : 0,
        };
        _heldTicks.Clear();
        return JsonSerializer.Serialize(told);
    }
}

/// <summary>One connection to a server: a request, its reply, the next. <para>Threading: the loop of the origin.</para></summary>
internal sealed class OriginConnection(Origin origin) : IConnectionOwner
{
    private const int ChunkBytes = 4096;
    private static readonly byte[] Filler = MakeFiller();
    private static readonly byte[] ChunkedFiller = [.. Encoding.ASCII.GetBytes($"{ChunkBytes:x}\r\n"), .. Filler.AsSpan(0, ChunkBytes), .. "\r\n"u8];

    private readonly byte[] _input = new byte[16 * 1024];
    private int _length;
    private byte[] _start = [];                                     // the head, and the content's first bytes
    private int _startSent;
    private byte[] _repeated = Filler;
    private long _left;                                             // bytes of the repeated part that are still to be sent
    private bool _replying, _delayed, _closes;
    private long _askedAt;

    public void OnReady(IConnection connection)
    {
        for (; ; )
        {
            if (_delayed || (_replying && !Send(connection))) return;
            var end = _input.AsSpan(0, _length).IndexOf("\r\n\r\n"u8);
            if (end >= 0)
            {
                Begin(connection, Encoding.ASCII.GetString(_input, 0, _input.AsSpan(0, _length).IndexOf("\r\n"u8)));
                _input.AsSpan(end + 4, _length - end - 4).CopyTo(_input);
                _length -= end + 4;
                continue;
            }
            var io = connection.TryReceive(_input.AsSpan(_length), out var received);
            if (io == IoStatus.WouldBlock) return;
            if (io != IoStatus.Done || _length + received == _input.Length)
            {
                connection.Close();
                return;
            }
            _length += received;
        }
    }

    private void Begin(IConnection connection, string requestLine)
    {
        _askedAt = connection.Loop.Time.GetTimestamp();
        var target = requestLine.Split(' ')[1];
        var query = target.Contains('?', StringComparison.Ordinal) ? target[(target.IndexOf('?', StringComparison.Ordinal) + 1)..] : "";
        var path = target.Split('?')[0].Split('/');
        var kind = path[1];
        var bytes = long.Parse(path[2], CultureInfo.InvariantCulture);
        int Number(string name) => query.Split('&').Select(pair => pair.Split('=')).Where(pair => pair[0] == name).Select(pair => int.Parse(pair[1], CultureInfo.InvariantCulture)).FirstOrDefault();
        var id = $"{Number("id"):D8}";
        _closes = kind == "close";
        (_startSent, _replying) = (0, true);
        switch (kind)
        {
            case "chunked":
                // In whole chunks: the last may hold more than was asked for, so that every chunk but the first is the same bytes.
                var chunks = (bytes - id.Length + ChunkBytes - 1) / ChunkBytes;
                _start = Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{id}\r\n");
                (_repeated, _left) = (ChunkedFiller, chunks * ChunkedFiller.Length);
                break;
            case "close":
                _start = Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{id}");
                (_repeated, _left) = (Filler, bytes - id.Length);
                break;
            default:
                _start = Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n{id}");
                (_repeated, _left) = (Filler, bytes - id.Length);
                break;
        }
        if (Number("delay") is > 0 and var delay)
        {
            _delayed = true;
            connection.Loop.SetTimer(new(_ => { _delayed = false; OnReady(connection); }, null), connection.Loop.Now + delay);
        }
    }

    /// <summary>Sends as much as the kernel takes.</summary>
    /// <returns>Whether the reply is over.</returns>
    private bool Send(IConnection connection)
    {
        while (_startSent < _start.Length || _left > 0)
        {
            var from = (int)((_repeated.Length - (_left % _repeated.Length)) % _repeated.Length);
            var rest = _left == 0 ? default : _repeated.AsSpan(from, (int)Math.Min(_left, _repeated.Length - from));
            var start = _start.AsSpan(_startSent);
            var io = connection.TrySend(start, rest, out var sent);
            if (io == IoStatus.WouldBlock) return false;
            if (io != IoStatus.Done)
            {
                connection.Close();
                _replying = false;
                return false;
            }
            var ofStart = Math.Min(sent, start.Length);
            _startSent += ofStart;
            _left -= sent - ofStart;
        }
        if (_repeated == ChunkedFiller && _start.Length > 0)
        {
            (_start, _startSent) = ("0\r\n\r\n"u8.ToArray(), 0);
            _repeated = Filler;
            return Send(connection);
        }
        _replying = false;
        origin.Replied(connection.Loop.Time.GetElapsedTime(_askedAt).Ticks);
        if (!_closes) return true;
        connection.Close();
        return false;
    }

    private static byte[] MakeFiller()
    {
        var filler = new byte[64 * 1024];
        Array.Fill(filler, (byte)'x');
        return filler;
    }
}
