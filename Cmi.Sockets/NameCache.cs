using System.Collections.Concurrent;
using System.Net;

namespace Cmi.Sockets;

/// <summary>
/// The addresses of the servers' names, looked up again when they are older than allowed. If that fails, the old ones stay in use: a name server that is
/// away must not take the servers with it. At most 1024 names are kept; a name beyond that is looked up each time.
/// <para>Threading: any thread.</para>
/// </summary>
internal sealed class NameCache(Func<string, Task<IPAddress[]>> resolve, TimeProvider time, TimeSpan every)
{
    private const int MaxNames = 1024;

    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Gives the addresses of a name, or of a literal address itself.</summary>
    /// <param name="host">A name or an IP address.</param>
    /// <param name="cancellationToken">Gives up waiting; a look-up that others wait for too goes on.</param>
    /// <returns>At least one address.</returns>
    /// <exception cref="IOException">The name has none.</exception>
    public ValueTask<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken)
    {
        if (IPAddress.TryParse(host, out var literal)) return new([literal]);
        if (!_entries.TryGetValue(host, out var entry))
        {
            entry = new();
            if (_entries.Count < MaxNames) entry = _entries.GetOrAdd(host, entry);
        }
        Task<IPAddress[]> lookUp;
        lock (entry)
        {
            if (entry.Addresses is { } known && time.GetElapsedTime(entry.ResolvedAt) < every) return new(known);
            lookUp = entry.LookUp ??= Task.Run(() => LookUpAsync(host, entry), CancellationToken.None);
        }
        return new(lookUp.WaitAsync(cancellationToken));
    }

    private async Task<IPAddress[]> LookUpAsync(string host, Entry entry)
    {
        IPAddress[] found = [];
        Exception? fault = null;
        try
        {
            found = await resolve(host);
        }
        catch (Exception e)
        {
            fault = e;
        }
        lock (entry)
        {
            entry.LookUp = null;
            if (found.Length > 0) (entry.Addresses, entry.ResolvedAt) = (found, time.GetTimestamp());
            return entry.Addresses ?? throw new IOException($"The name '{host}' has no address{(fault is null ? "" : ": " + fault.Message)}", fault);
        }
    }

    private sealed class Entry
    {
        public IPAddress[]? Addresses;
        public long ResolvedAt;
        public Task<IPAddress[]>? LookUp;                          // under way; all who ask meanwhile share it
    }
}
