namespace Cmi.Testing;

internal sealed class InMemoryListener(InMemoryTransport transport, ListenAddress address, Action<IConnection> accepted) : IListener
{
    private readonly Queue<InMemoryConnection> _backlog = new();
    private bool _paused;
    private bool _disposed;

    public ListenAddress Address => address;

    public void Pause() => _paused = true;

    public void Resume()
    {
        _paused = false;
        while (_backlog.TryDequeue(out var connection)) Accept(connection);
    }

    public ValueTask DisposeAsync()
    {
        _disposed = true;
        transport.Remove(this);
        while (_backlog.TryDequeue(out var connection)) Refuse(connection);
        return ValueTask.CompletedTask;
    }

    internal void Add(InMemoryConnection connection)
    {
        if (_paused) _backlog.Enqueue(connection);
        else Accept(connection);
    }

    private void Accept(InMemoryConnection connection) => connection.Loop.Post(_ =>
    {
        if (_disposed) connection.Abort("The listener was disposed.");
        else if (_paused) _backlog.Enqueue(connection);
        else
        {
            transport.CountAccepted();
            accepted(connection);
        }
    }, null);

    private static void Refuse(InMemoryConnection connection) => connection.Loop.Post(_ => connection.Abort("The listener was disposed."), null);
}
