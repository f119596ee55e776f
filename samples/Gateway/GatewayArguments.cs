using System.Globalization;

namespace Cmi.Samples.Gateway;

/// <summary>
/// The command line, read and checked. What is wrong is collected in <see cref="Faults"/>, all of it, so that one look is enough to put it right.
/// Immutable once parsed.
/// </summary>
internal sealed class GatewayArguments
{
    private const int MaxLoops = 1024;

    private readonly List<string> _faults = [];
    private readonly List<string> _listen = [];
    private readonly List<string> _servers = [];
    private readonly Dictionary<string, string?> _settings = new(StringComparer.OrdinalIgnoreCase);

    private GatewayArguments() { }

    internal IReadOnlyList<string> Faults => _faults;

    /// <summary>In place of the configured endpoints, if there are any.</summary>
    internal IReadOnlyList<string> Listen => _listen;

    /// <summary>In place of the configured servers, if there are any.</summary>
    internal IReadOnlyList<string> Servers => _servers;

    /// <summary>Single settings by their full names, such as <c>Cmi:Timeouts:Queue</c>; the last of a name counts.</summary>
    internal IReadOnlyDictionary<string, string?> Settings => _settings;

    internal BufferArguments Buffers { get; private set; } = new();

    /// <summary>Event loops; <see langword="null"/>: one for each processor.</summary>
    internal int? Loops { get; private set; }

    /// <summary>The configuration file; <see langword="null"/>: <c>appsettings.json</c> beside the program, if any.</summary>
    internal string? ConfigFile { get; private set; }

    /// <summary>Where operators ask; <see langword="null"/>: nowhere.</summary>
    internal string? Admin { get; private set; }

    internal bool Help { get; private set; }

    internal bool Version { get; private set; }

    internal static GatewayArguments Parse(IReadOnlyList<string> arguments)
    {
        var parsed = new GatewayArguments();
        for (var i = 0; i < arguments.Count; i++)
        {
            // Both forms, "--name value" and "--name=value"; what begins like an option is not a value.
            var equals = arguments[i].IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? arguments[i] : arguments[i][..equals];
            string? Value() => equals >= 0 ? arguments[i][(equals + 1)..]
                : i + 1 < arguments.Count && !arguments[i + 1].StartsWith("--", StringComparison.Ordinal) ? arguments[++i]
                : null;
            if (name is "--help" or "--version" && equals < 0) parsed.TakeSwitch(name);
            else if (!IsOption(name)) parsed._faults.Add($"{arguments[i]} is not an option; see --help.");
            else if (Value() is { } value) parsed.TakeOption(name, value);
            else parsed._faults.Add($"{name} needs a value.");
        }
        return parsed;
    }

    private static bool IsOption(string name) => IsSetting(name) || name is
        "--listen" or "--server" or "--buffer" or "--buffer-path" or "--buffer-ram" or "--buffer-flash" or "--buffer-disk"
        or "--loops" or "--max-requests-per-server" or "--admin" or "--config";

    private static bool IsSetting(string name) =>
        name.StartsWith("--Cmi:", StringComparison.OrdinalIgnoreCase) || name.StartsWith("--Logging:", StringComparison.OrdinalIgnoreCase);

    private void TakeSwitch(string name)
    {
        Help |= name == "--help";
        Version |= name == "--version";
    }

    private void TakeOption(string name, string value)
    {
        switch (name)
        {
            case "--listen":
                if (ListenAddress.TryParse(value, out _, out var fault)) _listen.Add(value);
                else Refuse(name, value, fault);
                break;
            case "--server":
                if (ServerAddress.TryParse(value, out _, out fault)) _servers.Add(value);
                else Refuse(name, value, fault);
                break;
            case "--buffer":
                if (BufferArguments.Kinds.Contains(value)) Buffers = Buffers with { Kind = value };
                else Refuse(name, value, "must be ram, flash, disk or tiered");
                break;
            case "--buffer-path":
                if (value.Length > 0 && !File.Exists(value)) Buffers = Buffers with { Path = value };
                else Refuse(name, value, "must be a directory");
                break;
            case "--buffer-ram":
                Buffers = Buffers with { RamBytes = Budget(name, value, BufferArguments.LowestRam) };
                break;
            case "--buffer-flash":
                Buffers = Buffers with { FlashBytes = Budget(name, value, BufferArguments.LowestDevice) };
                break;
            case "--buffer-disk":
                Buffers = Buffers with { DiskBytes = Budget(name, value, BufferArguments.LowestDevice) };
                break;
            case "--loops":
                Loops = Number(name, value, 1, MaxLoops);
                break;
            case "--max-requests-per-server":
                if (Number(name, value, 0, 1_000_000) is not null) _settings["Cmi:Servers:MaxRequests"] = value;
                break;
            case "--admin":
                if (!ListenAddress.TryParse(value, out var admin, out fault)) Refuse(name, value, fault);
                else if (admin.Kind != AddressKind.Tcp) Refuse(name, value, "must be http://HOST[:PORT]");
                else Admin = value;
                break;
            case "--config":
                if (File.Exists(value)) ConfigFile = value;
                else Refuse(name, value, "must be a file that is there");
                break;
            default:
                _settings[name[2..]] = value;
                break;
        }
    }

    private void Refuse(string name, string value, string rule) => _faults.Add($"{name} is '{value}'; it {rule}.");

    private int? Number(string name, string value, int lowest, int highest)
    {
        var isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
        if (isNumber && number >= lowest && number <= highest) return number;
        Refuse(name, value, string.Create(CultureInfo.InvariantCulture, $"must be {lowest} to {highest}"));
        return null;
    }

    private long? Budget(string name, string value, long lowest)
    {
        if (ByteSize.TryParse(value, out var bytes) && bytes >= lowest) return bytes;
        Refuse(name, value, $"must be a number of bytes, such as 67108864, 64M or 1G; at least {ByteSize.Format(lowest)}");
        return null;
    }
}
