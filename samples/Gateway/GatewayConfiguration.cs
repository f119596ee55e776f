using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Cmi.Samples.Gateway;

/// <summary>Where settings come from: the file, over it the environment (<c>CMI__Section__Name</c>), over that the command line.</summary>
internal static class GatewayConfiguration
{
    internal const string DefaultEndpoint = "http://127.0.0.1:8080";

    internal static IConfigurationRoot Build(GatewayArguments arguments, string programDirectory, ICollection<string> faults)
    {
        var builder = new ConfigurationBuilder();
        var file = arguments.ConfigFile is { } given ? Path.GetFullPath(given) : Path.Combine(programDirectory, "appsettings.json");
        if (File.Exists(file) && IsReadable(file, faults)) builder.Add(new SettingsFileSource(file));
        var configuration = builder.AddEnvironmentVariables().AddInMemoryCollection(arguments.Settings).Build();
        CheckLogLevels(configuration.GetSection("Logging"), faults);
        return configuration;
    }

    /// <summary>Puts what the command line lists in the place of what is configured: a list is meant whole, not entry by entry.</summary>
    internal static void Apply(GatewayArguments arguments, CmiOptions options)
    {
        if (arguments.Listen.Count > 0) options.Endpoints.Clear();
        foreach (var url in arguments.Listen) options.Listen(url);
        if (options.Endpoints.Count == 0) options.Listen(DefaultEndpoint);
        if (arguments.Servers.Count > 0) options.Servers.Addresses.Clear();
        foreach (var url in arguments.Servers) options.AddServer(url);
    }

    /// <summary>Adds the demo servers, until the file names others.</summary>
    internal static void AddDemo(IEnumerable<string> urls, CmiOptions options)
    {
        if (options.Servers.Addresses.Count > 0 || options.Groups.Count > 0) return;
        foreach (var url in urls) options.AddServer(url);
    }

    /// <summary>Whether servers are named anywhere; if not, the demo servers stand in.</summary>
    internal static bool NamesServers(GatewayArguments arguments, IConfiguration configuration) =>
        arguments.Servers.Count > 0 || configuration.GetSection("Cmi:Groups").GetChildren().Any() || configuration.GetSection("Cmi:Servers:Addresses") is var addresses
        && (addresses.GetChildren().Any() || !string.IsNullOrEmpty(addresses.Value));

    private static bool IsReadable(string file, ICollection<string> faults)
    {
        try
        {
            _ = new ConfigurationBuilder().AddJsonFile(file).Build();
            return true;
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            faults.Add($"{file} cannot be read: {(e.InnerException ?? e).Message.ReplaceLineEndings(" ")}");
            return false;
        }
    }

    // The logging packages would throw at the first of these only.
    private static void CheckLogLevels(IConfiguration section, ICollection<string> faults)
    {
        foreach (var child in section.GetChildren())
        {
            if (!string.Equals(child.Key, "LogLevel", StringComparison.OrdinalIgnoreCase)) CheckLogLevels(child, faults);
            else
                foreach (var level in child.GetChildren().Where(l => !Enum.TryParse<LogLevel>(l.Value, ignoreCase: true, out _)))
                    faults.Add($"{level.Path} is '{level.Value}'; it must be {string.Join(", ", Enum.GetNames<LogLevel>())}.");
        }
    }
}
