namespace Cmi;

internal static class ConnectionExtensions
{
    extension(IConnection connection)
    {
        /// <summary>Whether any of these flags is set.</summary>
        public bool IsReady(Readiness any) => (connection.Ready & any) != Readiness.None;

        /// <summary>Whether receiving has something to say: bytes, the peer's end, or a failure.</summary>
        public bool HasInput => connection.IsReady(Readiness.Receivable | Readiness.PeerEnded | Readiness.Failed);
    }
}
