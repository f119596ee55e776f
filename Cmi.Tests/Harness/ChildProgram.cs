using Cmi.Tests.Buffers.Flash;

namespace Cmi.Tests.Harness;

/// <summary>What this assembly does as a program: a test that needs a process which it can kill starts one.</summary>
internal static class ChildProgram
{
    public static async Task<int> Main(string[] arguments)
    {
        if (arguments is not ["flash", var directory]) return 2;
        await FlashKillTests.WriteUntilKilledAsync(directory);
        return 1;
    }
}
