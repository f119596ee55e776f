using System.Text;
using Cmi.Tests.Buffers.Disk;
using Cmi.Tests.Buffers.Flash;

namespace Cmi.Tests.Harness;

/// <summary>What this assembly does as a program: a test that needs a process which it can kill starts one.</summary>
internal static class ChildProgram
{
    /// <summary>What is in a file that is held.</summary>
    public const string HeldText = "content";

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
            case ["hold", var path]:
                // As stores make theirs: locked while the process lives (ScratchDirectory, SegmentFiles).
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                using (var file = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None))
                {
                    file.Write(Encoding.ASCII.GetBytes(HeldText));
                    file.Flush();
                    Console.WriteLine("held");
                    await Task.Delay(TimeSpan.FromMinutes(2));      // to be killed meanwhile
                }
                return 1;
            default:
                return 2;
        }
    }
}
