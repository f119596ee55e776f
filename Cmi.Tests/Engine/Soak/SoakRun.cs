using Cmi.Buffers;
using Cmi.Tests.Harness;

namespace Cmi.Tests.Engine.Soak;

/// <summary>One run: a gateway, its clients and its servers, driven step by step until all is said.</summary>
internal sealed class SoakRun : IAsyncDisposable
{
    private const int Steps = 120, CalmSteps = 100;

    private readonly SoakPlan _plan;
    private readonly ScriptedStore _store = new();                  // all there is, or the middle one of three tiers
    private readonly ScriptedStore _lowest = new();
    private readonly RamBufferStore _memory = new(new() { MaxTotalBytes = 256 << 10 });
    private readonly TestGateway _gateway;
    private readonly List<SoakServer> _servers = [];
    private readonly List<SoakClient> _clients = [];
    private readonly Dictionary<int, SoakRequest> _requests = [];

    public SoakRun(SoakPlan plan)
    {
        _plan = plan;
        _store.Capacity = plan.StoreCapacity;
        _gateway = new(plan.Configure, plan.Servers, plan.Transport, plan.IsTiered ? new TieredBufferStore([_memory, _store, _lowest]) : _store);
        for (var i = 1; i <= plan.Servers; i++)
        {
            var server = new SoakServer(plan, _requests);
            _gateway.Server(i).Accepted = server.Accept;
            _servers.Add(server);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        Assert.That((_memory.LiveBuffers, _memory.UsedBytes, _store.Live, _lowest.Live), Is.EqualTo((0, 0L, 0, 0)), "buffers are left in a tier");
    }

    public void Run()
    {
        for (var step = 0; step < Steps; step++)
        {
            if (_clients.Count < _plan.Clients && _plan.Random.Next(3) == 0) _clients.Add(new(_plan, _gateway.Connect(), Create));
            FailStores();
            if (_plan.StoreDefers) _store.Defers = _plan.Random.Next(3) != 0;
            foreach (var client in _clients) client.Step();
            foreach (var server in _servers) server.Step();
            if (_plan.Random.Next(2) == 0) _store.AnswerDeferred();
            if (_plan.Random.Next(4) == 0) _gateway.Advance(_plan.Random.NextDouble() / 4);
            else _gateway.Run();
        }
        Finish();
    }

    public override string ToString() => $"clients:\n  {string.Join("\n  ", _clients)}\nservers:\n  {string.Join("\n  ", _servers)}\nlog:\n  {_gateway.Log}";

    private void FailStores()
    {
        if (!_plan.IsTiered) return;
        foreach (var tier in (ScriptedStore[])[_store, _lowest])
        {
            (tier.FailsCreation, tier.RefusesBuffers, tier.FailsRoom) = (_plan.StoreFails(), _plan.StoreFails(), _plan.StoreFails());
            (tier.FailsReads, tier.FailsWrites, tier.FailsFlushes) = (_plan.StoreFails(), _plan.StoreFails(), _plan.StoreFails());
        }
    }

    private void Finish()
    {
        _plan.CalmDown();
        FailStores();
        _store.Defers = false;
        foreach (var client in _clients) client.CalmDown();
        for (var step = 0; step < CalmSteps; step++)
        {
            _store.AnswerDeferred();
            foreach (var client in _clients) client.Step();
            foreach (var server in _servers) server.Step();
            // Time passes only when nothing else can happen any more, and then for every wait that ends by time.
            if (step < CalmSteps - 40) _gateway.Run();
            else _gateway.Advance(5);
        }
        foreach (var client in _clients) client.Finish();
    }

    private SoakRequest Create(string method, int minorVersion, bool keepAlive, bool isChunked, int bytes)
    {
        var request = new SoakRequest(_requests.Count + 1, method, minorVersion, keepAlive, isChunked, bytes);
        _requests.Add(request.Id, request);
        return request;
    }
}
