using Cmi.Tests.Buffers.Disk;
using Cmi.Tests.Buffers.Flash;

namespace Cmi.Tests.Harness;

/// <summary>What this assembly does as a program: a test that needs a process which it can kill starts one.</summary>
internal static class ChildProgram
{
    public static async Task<int> Main(string[] arguments)
    {
        switch (arguments)
        {
            case ["flash", var directory]:
                await FlashKillTests.WriteUntilKilledAsync(directory);
                return 1;
            case ["disk", var directory]:
                await DiskKillTests.WriteUntilKilledAsync(directory);
                return 1;
            default:
                return 2;
        }
    }
}
