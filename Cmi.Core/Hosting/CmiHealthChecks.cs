using Cmi;
using Cmi.Hosting;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Cmi.Hosting
{
    /// <summary>Healthy while every loop turns. An engine that does not is past helping: the process should be started anew. <para>Threading: any thread.</para></summary>
    internal sealed class CmiLiveCheck(CmiEngine engine) : IHealthCheck
    {
        /// <summary>How long a loop may take for one turn.</summary>
        internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            var stuck = await engine.FindStuckLoopsAsync(Patience, cancellationToken);
            return stuck.Count == 0
                ? HealthCheckResult.Healthy("All loops turn.")
                : new(context.Registration.FailureStatus, $"Loops that did not turn within {Patience.TotalSeconds:0} s: {string.Join(", ", stuck)}.");
        }
    }

    /// <summary>
    /// Healthy while requests should come: clients are accepted and not sent elsewhere. Degraded while the buffer store is full. <para>Threading: any thread.</para>
    /// </summary>
    internal sealed class CmiReadyCheck(CmiEngine engine) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            var status = engine.GetStatus();
            if (status.State != EngineState.Listening) return Task.FromResult(new HealthCheckResult(context.Registration.FailureStatus, $"The engine is {status.State}."));
            if (status.Buffers.Count > 0 && status.Buffers.All(tier => tier.UsedBytes >= tier.CapacityBytes))
                return Task.FromResult(HealthCheckResult.Degraded("The buffer store is full: what it would have to hold is refused."));
            return Task.FromResult(HealthCheckResult.Healthy("Clients are accepted."));
        }
    }
}

namespace Microsoft.Extensions.DependencyInjection
{
    /// <summary>Health checks of CMI for a host's own endpoints. <para>Threading: one thread, before the host is built.</para></summary>
    public static class CmiHealthChecksBuilderExtensions
    {
        /// <summary>
        /// Adds two checks: <c>cmi_live</c> with the tag <c>live</c> (every loop turns), and <c>cmi_ready</c> with the tag <c>ready</c> (clients are accepted and
        /// the engine is not being stopped; degraded while the buffer store is full).
        /// </summary>
        /// <param name="builder">What <c>AddHealthChecks</c> returned.</param>
        /// <returns>The same builder.</returns>
        public static IHealthChecksBuilder AddCmi(this IHealthChecksBuilder builder)
        {
            ArgumentNullException.ThrowIfNull(builder);
            builder.Add(new("cmi_live", services => new CmiLiveCheck(services.GetRequiredService<CmiEngine>()), failureStatus: null, ["live"]));
            return builder.Add(new("cmi_ready", services => new CmiReadyCheck(services.GetRequiredService<CmiEngine>()), failureStatus: null, ["ready"]));
        }
    }
}
