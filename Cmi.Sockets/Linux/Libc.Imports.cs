using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

// Nothing in this assembly is marshalled, so the calls are made in place, without a stub between.
[assembly: DisableRuntimeMarshalling]

namespace Cmi.Sockets.Linux;

// The functions under their own names, with the types of 64-bit Linux.
[SuppressMessage("Style", "IDE1006", Justification = "The names of the system.")]
internal static unsafe partial class Libc
{
    [LibraryImport("libc")]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc")]
    private static partial int epoll_ctl(int epoll, int operation, int descriptor, void* raw);

    [LibraryImport("libc")]
    private static partial int epoll_wait(int epoll, void* events, int count, int milliseconds);

    [LibraryImport("libc")]
    private static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc")]
    private static partial nint write(int descriptor, void* bytes, nuint count);

    [LibraryImport("libc")]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc")]
    private static partial int connect(int descriptor, void* address, uint length);

    [LibraryImport("libc")]
    private static partial int accept4(int descriptor, void* address, uint* length, int flags);

    [LibraryImport("libc")]
    private static partial nint recv(int descriptor, void* into, nuint count, int flags);

    [LibraryImport("libc")]
    private static partial nint send(int descriptor, void* bytes, nuint count, int flags);

    [LibraryImport("libc")]
    private static partial nint sendmsg(int descriptor, void* message, int flags);

    [LibraryImport("libc")]
    private static partial int shutdown(int descriptor, int how);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);

    [LibraryImport("libc")]
    private static partial int getsockopt(int descriptor, int level, int option, void* value, uint* length);

    [LibraryImport("libc")]
    private static partial int setsockopt(int descriptor, int level, int option, void* value, uint length);

    [LibraryImport("libc")]
    private static partial int getsockname(int descriptor, void* address, uint* length);

    [LibraryImport("libc")]
    private static partial int getrlimit(int resource, void* limits);

    [LibraryImport("libc")]
    private static partial void* mmap(void* address, nuint bytes, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc")]
    private static partial int munmap(void* address, nuint bytes);

    // Declared with a fixed number of arguments: on x64 and arm64 Linux integers are passed alike either way.
    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint io_uring_setup(nint number, uint entries, void* parameters);

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint io_uring_enter(nint number, int descriptor, uint submitted, uint completed, uint flags, void* signals, nuint bytes);

    [LibraryImport("libc")]
    private static partial int sched_getaffinity(int thread, nuint bytes, void* set);

    [LibraryImport("libc")]
    private static partial int sched_setaffinity(int thread, nuint bytes, void* set);
}

/// <summary>The numbers of the errors that are told apart, the same on x64 and arm64.</summary>
internal static class Errno
{
    public const int Interrupted = 4, Again = 11, Busy = 16, Invalid = 22, NoMachine = 64, Protocol = 71, NotSocket = 88, NoProtocolOption = 92,
        NetworkDown = 100, NetworkUnreachable = 101, Aborted = 103, Refused = 111, HostDown = 112, HostUnreachable = 113, InProgress = 115;
}

/// <summary>What epoll can tell of a descriptor.</summary>
[Flags]
[SuppressMessage("Design", "CA1028", Justification = "The system's type.")]
internal enum EpollEvents : uint
{
    None = 0,
    Receivable = 0x1,                                              // EPOLLIN
    Sendable = 0x4,                                                // EPOLLOUT
    Failed = 0x8,                                                  // EPOLLERR
    HungUp = 0x10,                                                 // EPOLLHUP: both directions have ended
    PeerEnded = 0x2000,                                            // EPOLLRDHUP
    Edge = 0x8000_0000,                                            // EPOLLET
}
