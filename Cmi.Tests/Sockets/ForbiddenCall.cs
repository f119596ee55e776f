using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Cmi.Tests.Sockets;

/// <summary>A system call that fails with EPERM on one thread, and on those that it makes: by a filter of seccomp(2), as containers have it.</summary>
internal static class ForbiddenCall
{
    private const int NoNewPrivileges = 38, SetSeccomp = 22, Filter = 2;      // of prctl(2)

    /// <summary>Does work on a thread of its own.</summary>
    /// <param name="number">The number of the call.</param>
    /// <param name="work">What to do.</param>
    public static Task OnThreadAsync(int number, Action work)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                Forbid((uint)number);
                work();
                done.SetResult();
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        }) { IsBackground = true }.Start();
        return done.Task.WaitAsync(SocketHarness.Patience);
    }

    // struct sock_filter of BPF: load the number; if it is that one, EPERM; else allow.
    private static void Forbid(uint number)
    {
        const ushort Load = 0x20, JumpIfEqual = 0x15, Return = 0x06;
        const uint Permitted = 0x7fff_0000, Error = 0x0005_0000, NotPermitted = 1;
        Instruction[] program = [new(Load, 0, 0, 0), new(JumpIfEqual, 0, 1, number), new(Return, 0, 0, Error | NotPermitted), new(Return, 0, 0, Permitted)];
        var pinned = GCHandle.Alloc(program, GCHandleType.Pinned);
        try
        {
            var filter = new Program((ushort)program.Length, pinned.AddrOfPinnedObject());
            Check(Prctl(NoNewPrivileges, 1, 0, 0, 0));
            Check(Prctl(SetSeccomp, Filter, in filter, 0, 0));
        }
        finally
        {
            pinned.Free();
        }
    }

    private static void Check(int result)
    {
        if (result != 0) throw new Win32Exception();
    }

    [DllImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static extern int Prctl(int option, nint second, nint third, nint fourth, nint fifth);

    [DllImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static extern int Prctl(int option, nint second, in Program third, nint fourth, nint fifth);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Instruction(ushort Code, byte IfTrue, byte IfFalse, uint Operand);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Program(ushort Length, nint Instructions);
}
