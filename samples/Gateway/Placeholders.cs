// Stands in until the packages have these two; to be deleted with the merge.
using Cmi;
using Microsoft.Extensions.DependencyInjection;

namespace Cmi.Samples.Gateway;

internal sealed class PlaceholderOptions
{
    public int LoopCount { get; set; }
    public long MaxTotalBytes { get; set; }
}

internal static class Placeholders
{
    internal static ICmiBuilder UseSockets(this ICmiBuilder builder, Action<PlaceholderOptions> configure) =>
        builder.UseConnectionManager(_ => throw new NotSupportedException(nameof(configure)));

    internal static ICmiBuilder UseRamBuffers(this ICmiBuilder builder, Action<PlaceholderOptions> configure) =>
        builder.UseBufferStore(_ => throw new NotSupportedException(nameof(configure)));
}
