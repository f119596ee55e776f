using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace Cmi.Samples.Gateway;

/// <summary>
/// What operators ask for, on a port of its own: <c>/metrics</c> in the text format of Prometheus, <c>/health/live</c>, <c>/health/ready</c>,
/// <c>/status</c> as JSON, and <c>POST /servers</c> to take a server out of use or back into it. Kestrel serves it, beside the engine: it answers also when all loops are stuck, and until the drain is over.
/// <para>Threading: any thread.</para>
/// </summary>
internal sealed class AdminEndpoints : IAsyncDisposable
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase), new AddressConverter<ServerAddress>(), new AddressConverter<ListenAddress>() },
    };

    private readonly WebApplication _app;

    private AdminEndpoints(WebApplication app) => _app = app;

    /// <summary>Where it listens, with the port that was picked.</summary>
    internal string Url => _app.Urls.First();

    /// <summary>Begins to listen.</summary>
    /// <param name="url">Where, such as <c>http://127.0.0.1:9090</c>.</param>
    /// <param name="engine">Whose state is told.</param>
    /// <exception cref="IOException">The address is in use, or not of this machine.</exception>
    internal static async Task<AdminEndpoints> StartAsync(string url, CmiEngine engine)
    {
        // Empty: neither the environment's URLs nor anybody's settings may open another port.
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls(url);
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(engine);
        builder.Services.AddHealthChecks().AddCmi();
        builder.Services.AddOpenTelemetry().ConfigureResource(resource => resource.AddService("cmi-gateway"))
            .WithMetrics(metrics => metrics.AddMeter("Cmi", "System.Runtime")
                .AddPrometheusExporter(o => o.ScrapeResponseCacheDurationMilliseconds = 0));      // each look is a new one
        var app = builder.Build();
        app.MapPrometheusScrapingEndpoint("/metrics");
        app.MapHealthChecks("/health/live", new() { Predicate = check => check.Tags.Contains("live"), ResponseWriter = WriteHealthAsync });
        app.MapHealthChecks("/health/ready", new() { Predicate = check => check.Tags.Contains("ready"), ResponseWriter = WriteHealthAsync });
        app.MapGet("/status", (HttpContext context) => context.Response.WriteAsJsonAsync(engine.GetStatus(), Json));
        app.MapPost("/servers", context => SetServerStateAsync(context, engine));
        try
        {
            await app.StartAsync();
            return new(app);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    // JSON, and nothing else: a page in somebody's browser can post forms anywhere, but JSON only where it is let.
    private static async Task SetServerStateAsync(HttpContext context, CmiEngine engine)
    {
        context.Response.StatusCode = StatusCodes.Status400BadRequest;
        try
        {
            if (!context.Request.HasJsonContentType()) throw new JsonException("The content must be application/json.");
            var order = await context.Request.ReadFromJsonAsync<ServerOrder>(Json, context.RequestAborted) ?? throw new JsonException("There is no order.");
            if (!ServerAddress.TryParse(order.Server, out var server, out var fault)) throw new JsonException($"The server '{order.Server}' {fault}.");
            engine.SetServerState(order.Group, server, order.State);
            context.Response.StatusCode = StatusCodes.Status200OK;
            await context.Response.WriteAsJsonAsync(engine.GetServerHealth(order.Group), Json);
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            await context.Response.WriteAsync(e.Message + "\n");
        }
    }

    /// <summary>What an operator wants of a server: <c>{"group": "default", "server": "http://10.0.0.1:80", "state": "drain"}</c>.</summary>
    private sealed record ServerOrder(string Server, ServerState State, string Group = CmiOptions.DefaultName);

    private static Task WriteHealthAsync(HttpContext context, Microsoft.Extensions.Diagnostics.HealthChecks.HealthReport report)
    {
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync(report.Status + string.Concat(report.Entries.Select(entry => $"\n{entry.Key}: {entry.Value.Description}")) + "\n");
    }

    /// <summary>Addresses as one reads them, not in their parts.</summary>
    private sealed class AddressConverter<T> : JsonConverter<T> where T : notnull
    {
        public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException("The status is only written.");

        public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }
}
