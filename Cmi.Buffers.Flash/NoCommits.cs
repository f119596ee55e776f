using FASTER.core;

namespace Cmi.Buffers;

/// <summary>
/// Keeps no record of commits: nothing is recovered from a log that ends with its process, and a small file for each commit would cost about as much as the
/// commit itself.
/// </summary>
internal sealed class NoCommits : ILogCommitManager
{
    public void Commit(long beginAddress, long untilAddress, byte[] commitMetadata, long commitNum, bool forceWriteMetadata)
    {
    }

    public byte[]? GetCommitMetadata(long commitNum) => null;

    public IEnumerable<long> ListCommits() => [];

    public void RemoveCommit(long commitNum)
    {
    }

    public void RemoveAllCommits()
    {
    }

    public void OnRecovery(long commitNum)
    {
    }

    public void Dispose()
    {
    }
}
