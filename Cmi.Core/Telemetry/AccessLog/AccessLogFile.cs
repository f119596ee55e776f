using System.Runtime.InteropServices;
using System.Threading.Channels;
using Cmi.Http1;
using Microsoft.Extensions.Logging;

namespace Cmi.Telemetry;

/// <summary>
/// The access log as lines of a file or of standard output. Loops add their lines to one block of memory; a task beside them writes it out while the
/// next one fills: a while after its first line, or when it is half full. (It once did so at once: that was a wake-up and a write for
/// nearly every line, which cost many times the line itself.) Bound: two blocks; a line that finds no room is dropped and counted.
/// <para>
/// A file that was moved away or truncated (by logrotate, with or without a signal) is noticed before the next block is written, and opened anew;
/// SIGHUP has the same effect and, as long as there is such a log, no other.
/// </para>
/// <para>Threading: any thread.</para>
/// </summary>
internal sealed class AccessLogFile : IAccessLog, IAsyncDisposable
{
    /// <summary>The path that stands for standard output.</summary>
    public const string StandardOutput = "-";

    /// <summary>How long a line waits at most for others to be written with it.</summary>
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(100);

    private readonly AccessLogOptions _options;
    private readonly IAccessLineFormat _format;
    private readonly ILogger _logger;
    private readonly ThreadLocal<HeadBuffer> _lines = new(() => new());
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
    private readonly SemaphoreSlim _hurry = new(0);                 // one for each block that became half full, and at the end
    private readonly Lock _gate = new();
    private readonly PosixSignalRegistration? _hangUp;
    private readonly Task _writing;
    private readonly int _half;
    private byte[] _filling, _spare;
    private int _filled;
    private bool _closed;
    private long _dropped, _droppedTold;
    private Stream? _stream;
    private volatile bool _reopen;
    private bool _failing;

    /// <summary>Opens the file.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public AccessLogFile(AccessLogOptions options, ILogger logger)
    {
        (_options, _logger) = (options, logger);
        _format = FormatOf(options);
        (_filling, _spare, _half) = (new byte[options.BufferBytes], new byte[options.BufferBytes], options.BufferBytes / 2);
        _stream = Open();
        if (_options.Path != StandardOutput && !OperatingSystem.IsWindows())
        {
            _hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
            {
                signal.Cancel = true;
                _reopen = true;
            });
        }
        // Not a plain call: whoever makes this may be on a loop, and a file must not be waited for there.
        _writing = Task.Factory.StartNew(WriteOutAsync, CancellationToken.None, TaskCreationOptions.DenyChildAttach, TaskScheduler.Default).Unwrap();
    }

    /// <summary>Records that found no room, or could not be written.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    public void Write(in AccessLogEntry entry)
    {
        var line = _lines.Value!;
        line.Reset();
        _format.Write(entry, line);
        line.Append((byte)'\n');
        var text = line.Written;
        bool first;
        lock (_gate)
        {
            if (_closed || text.Length > _filling.Length - _filled)
            {
                _dropped++;
                return;
            }
            first = _filled == 0;
            var wasHalf = _filled > _half;
            text.CopyTo(_filling.AsSpan(_filled));
            _filled += text.Length;
            if (_filled > _half && !wasHalf) _hurry.Release();
        }
        if (first) _wake.Writer.TryWrite(true);
    }

    /// <summary>Writes what is there and closes the file.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate) _closed = true;
        _wake.Writer.TryComplete();
        _hurry.Release();
        _hangUp?.Dispose();
        await _writing;
        _hurry.Dispose();
        _lines.Dispose();
    }

    private async Task WriteOutAsync()
    {
        while (await _wake.Reader.WaitToReadAsync())
        {
            _wake.Reader.TryRead(out _);
            await _hurry.WaitAsync(Gathering);                      // one that is left over from the block before makes this a little early, no more
            WriteOut();
        }
        WriteOut();
        if (_options.Path != StandardOutput) _stream?.Dispose();
    }

    private void WriteOut()
    {
        ReadOnlySpan<byte> block;
        long dropped;
        lock (_gate)
        {
            block = _filling.AsSpan(0, _filled);
            (_filling, _spare) = (_spare, _filling);
            _filled = 0;
            dropped = _dropped - _droppedTold;
            _droppedTold = _dropped;
        }
        if (dropped > 0) _logger.AccessLogDropped(dropped);
        if (block.IsEmpty) return;
        try
        {
            if (MustReopen())
            {
                _stream?.Dispose();
                _stream = null;
                _stream = Open();
            }
            _stream!.Write(block);
            _stream.Flush();
            _failing = false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!_failing) _logger.AccessLogFailed(e, _options.Path!);
            _failing = true;                                        // told once, until it works again
            lock (_gate) _dropped += block.Count((byte)'\n');
        }
    }

    // Shorter than what we have written: another file has its name now, or it was truncated.
    private bool MustReopen()
    {
        if (_options.Path == StandardOutput) return false;
        if (_stream is null || _reopen)
        {
            _reopen = false;
            return true;
        }
        var file = new FileInfo(_options.Path!);
        return !file.Exists || file.Length < _stream.Position;
    }

    private static IAccessLineFormat FormatOf(AccessLogOptions options)
    {
        if (string.IsNullOrEmpty(options.Template)) return new JsonAccessLine();
        return TemplateAccessLine.TryParse(options.Template, out var template, out var fault) ? template
            : throw new ArgumentException($"The template '{options.Template}' {fault}.", nameof(options));
    }

    private Stream Open()
    {
        if (_options.Path == StandardOutput) return Console.OpenStandardOutput();
        var how = new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 };
        if (!OperatingSystem.IsWindows()) how.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        try
        {
            return new FileStream(_options.Path!, how);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"The access log cannot be opened: {e.Message}", e);
        }
        catch (IOException e)
        {
            throw new IOException($"The access log cannot be opened: {e.Message}", e);
        }
    }
}
