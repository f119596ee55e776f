using Cmi.Sockets.Linux;
using Microsoft.Extensions.Options;

namespace Cmi.Sockets;

/// <summary>How the loops hear that bytes have come or can be sent.</summary>
public enum SocketTransport
{
    /// <summary><see cref="Epoll"/> where the system has it, else <see cref="Managed"/>.</summary>
    Auto,

    /// <summary>System.Net.Sockets: on any system, for more processor time.</summary>
    Managed,

    /// <summary>An epoll instance for each loop: Linux on x64 and arm64.</summary>
    Epoll,
}

/// <summary>
/// The settings of the TCP transport, read once when it is made. <para>Threading: set up by one thread before the start, only read after it.</para>
/// </summary>
public sealed class SocketOptions
{
    /// <summary>How the loops hear of events. Connections behave alike either way.</summary>
    /// <value><see cref="SocketTransport.Auto"/> by default.</value>
    public SocketTransport Transport { get; set; } = SocketTransport.Auto;

    /// <summary>How many loops carry connections; each is one thread.</summary>
    /// <value>The number of processors by default; 1 to 1024.</value>
    public int LoopCount { get; set; } = Math.Min(Environment.ProcessorCount, 1024);

    /// <summary>
    /// How many clients may wait in the system to be accepted, for each address that is listened at; with <see cref="SocketTransport.Epoll"/> and TCP for each
    /// loop, since each has a socket of its own there. The system may lower it (on Linux: net.core.somaxconn).
    /// </summary>
    /// <value>4096 by default, which is the limit of a Linux system that was not tuned; 1 to 65,535.</value>
    public int Backlog { get; set; } = 4096;

    /// <summary>Whether small pieces leave at once (TCP_NODELAY) rather than wait for what was sent before to be acknowledged.</summary>
    /// <value><see langword="true"/> by default: what belongs together is sent together already.</value>
    public bool NoDelay { get; set; } = true;

    /// <summary>
    /// Whether the system asks a silent peer from time to time if it is still there (SO_KEEPALIVE), after the time that the system is set to (2 hours on a
    /// Linux system that was not tuned). Silent connections are closed by the timeouts of CMI long before that; it is of use where those are raised.
    /// </summary>
    /// <value><see langword="false"/> by default.</value>
    public bool KeepAlive { get; set; }

    /// <summary>
    /// Whether each loop's thread keeps to one processor: the first loop to the first that the process may use, and so on round. It helps where the machine
    /// is CMI's own; where it is shared, a loop that is not free to move waits for its processor. Only <see cref="SocketTransport.Epoll"/> heeds it.
    /// </summary>
    /// <value><see langword="false"/> by default.</value>
    public bool PinLoops { get; set; }

    /// <summary>
    /// Whether what the connections of a loop receive, send and close in one turn goes to the system in one call (Linux: io_uring), where the system lets this
    /// process do so; many containers do not. It saves most where a system call is dear, as in a virtual machine. Only <see cref="SocketTransport.Epoll"/> heeds it.
    /// </summary>
    /// <value><see langword="true"/> by default.</value>
    public bool BatchCalls { get; set; } = true;

    /// <summary>How old the addresses of a name may be when a server is dialled; older ones are looked up again.</summary>
    /// <value>30 s by default; 0: a look-up for each dial; at most 1 day.</value>
    public TimeSpan ResolveEvery { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a connection that was closed may take to send what it has taken. Then it is reset. With <see cref="SocketTransport.Epoll"/> it is the kernel
    /// that sends nearly all of it and keeps the time: it counts from the last progress, and its probes make it a little longer.
    /// </summary>
    /// <value>30 s by default; above 0, at most 1 day.</value>
    public TimeSpan CloseTimeout { get; set; } = TimeSpan.FromSeconds(30);
}

/// <summary>Finds all faults of <see cref="SocketOptions"/> at once. <para>Threading: immutable.</para></summary>
internal sealed class SocketOptionsValidator : IValidateOptions<SocketOptions>
{
    public ValidateOptionsResult Validate(string? name, SocketOptions options)
    {
        var faults = new List<string>();
        if (!Enum.IsDefined(options.Transport))
            faults.Add($"SocketOptions.Transport is {options.Transport}; it must be Auto, Managed or Epoll.");
        else if (options.Transport == SocketTransport.Epoll && !EpollLoop.IsSupported)
            faults.Add("SocketOptions.Transport is Epoll; this system has none, it must be Auto or Managed.");
        if (options.LoopCount is < 1 or > 1024)
            faults.Add($"SocketOptions.LoopCount is {options.LoopCount}; it must be 1 to 1024.");
        if (options.Backlog is < 1 or > 65_535)
            faults.Add($"SocketOptions.Backlog is {options.Backlog}; it must be 1 to 65535.");
        if (options.ResolveEvery < TimeSpan.Zero || options.ResolveEvery > TimeSpan.FromDays(1))
            faults.Add($"SocketOptions.ResolveEvery is {options.ResolveEvery}; it must be 0 to 1 day.");
        if (options.CloseTimeout <= TimeSpan.Zero || options.CloseTimeout > TimeSpan.FromDays(1))
            faults.Add($"SocketOptions.CloseTimeout is {options.CloseTimeout}; it must be above 0 and at most 1 day.");
        return faults.Count > 0 ? ValidateOptionsResult.Fail(faults) : ValidateOptionsResult.Success;
    }
}
