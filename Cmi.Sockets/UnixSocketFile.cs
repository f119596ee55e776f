using System.Net.Sockets;

namespace Cmi.Sockets;

/// <summary>The file of a Unix domain socket, which outlives a process that ended badly.</summary>
internal static class UnixSocketFile
{
    /// <summary>Removes the file if it is a socket that nobody answers at.</summary>
    /// <param name="path">Where.</param>
    /// <exception cref="IOException">It is not a socket.</exception>
    /// <exception cref="SocketException">Somebody answers there, or it cannot be told.</exception>
    public static async ValueTask RemoveStaleAsync(string path)
    {
        if (!File.Exists(path)) return;
        if (CanBeOpened(path)) throw new IOException($"Cannot listen at unix:{path}: there is a file that is not a socket.");
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await probe.ConnectAsync(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            File.Delete(path);
            return;
        }
        throw new SocketException((int)SocketError.AddressAlreadyInUse);
    }

    // Connecting to a plain file is refused as well, so that alone would let this delete one. A socket cannot be opened as a file.
    private static bool CanBeOpened(string path)
    {
        try
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
