namespace Cmi.Buffers;

/// <summary>An entry on its way into a log. Its bytes are the caller's, who waits for the task.</summary>
internal sealed class FlashWrite(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    : TaskCompletionSource<IDeviceEntry?>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    public ReadOnlyMemory<byte> Bytes => bytes;

    public CancellationToken Cancellation => cancellationToken;

    /// <summary>What it has become in the log, once it was appended.</summary>
    public FlashEntry? Entry { get; set; }
}
