using System.Buffers;
using System.Runtime.InteropServices;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Cmi.Telemetry;

/// <summary>
/// The access log as lines of a file or of standard output. Loops add their lines to one block of memory; a task beside them writes it out while the
/// next one fills, so the slower the device, the larger the pieces. Bound: two blocks; a line that finds no room is dropped and counted.
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

    private readonly AccessLogOptions _options;
    private readonly TemplateAccessLine? _template;
    private readonly ILogger _logger;
    private readonly ThreadLocal<(IAccessLineFormat Format, ArrayBufferWriter<byte> Line)> _lines;
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
    private readonly Lock _gate = new();
    private readonly PosixSignalRegistration? _hangUp;
    private readonly Task _writing;
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
        if (options.Template is { } template && !TemplateAccessLine.TryParse(template, out _template, out var fault))
            throw new ArgumentException($"The template '{template}' {fault}.", nameof(options));
        _lines = new(() => (_template ?? (IAccessLineFormat)new JsonAccessLine(), new(1024)), trackAllValues: true);
        (_filling, _spare) = (new byte[options.BufferBytes], new byte[options.BufferBytes]);
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
        var (format, line) = _lines.Value;
        line.ResetWrittenCount();
        format.Write(entry, line);
        line.Write("\n"u8);
        bool first;
        lock (_gate)
        {
            if (_closed || line.WrittenCount > _filling.Length - _filled)
            {
                _dropped++;
                return;
            }
            first = _filled == 0;
            line.WrittenSpan.CopyTo(_filling.AsSpan(_filled));
            _filled += line.WrittenCount;
        }
        if (first) _wake.Writer.TryWrite(true);
    }

    /// <summary>Writes what is there and closes the file.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate) _closed = true;
        _wake.Writer.TryComplete();
        _hangUp?.Dispose();
        await _writing;
        foreach (var (format, _) in _lines.Values) (format as IDisposable)?.Dispose();
        _lines.Dispose();
    }

    private async Task WriteOutAsync()
    {
        while (await _wake.Reader.WaitToReadAsync())
        {
            _wake.Reader.TryRead(out _);
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
