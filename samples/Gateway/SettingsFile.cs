using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Json;
using Microsoft.Extensions.Options;

namespace Cmi.Samples.Gateway;

/// <summary>A configuration file that is read again when it changes.</summary>
internal sealed class SettingsFileSource : JsonConfigurationSource
{
    internal SettingsFileSource(string file)
    {
        (Path, ReloadOnChange) = (file, true);
        ResolveFileProvider();
    }

    public override IConfigurationProvider Build(IConfigurationBuilder builder) => new SettingsFile(this);
}

/// <summary>
/// What a <see cref="SettingsFileSource"/> says. The provider of .NET has nothing to say when its file cannot be read, or is not there for a moment, as while
/// it is written: that would look like settings that were all taken out. This one says it as a fault, so that nothing changes until the file is whole.
/// </summary>
internal sealed class SettingsFile(SettingsFileSource source) : JsonConfigurationProvider(source), IValidateOptions<CmiOptions>
{
    private readonly string _path = source.FileProvider!.GetFileInfo(source.Path!).PhysicalPath!;
    private (IDictionary<string, string?>? Data, string? Fault) _read;

    public override void Load(Stream stream)
    {
        try
        {
            base.Load(stream);
            _read = (Data, null);
        }
        catch (Exception e) when (_read.Data is not null && e is FormatException or IOException)
        {
            _read = (Data, (e.InnerException ?? e).Message.ReplaceLineEndings(" "));
        }
    }

    public ValidateOptionsResult Validate(string? name, CmiOptions options) =>
        _read.Data != Data ? ValidateOptionsResult.Fail($"{_path} is not there.")
        : _read.Fault is { } fault ? ValidateOptionsResult.Fail($"{_path} cannot be read: {fault}")
        : ValidateOptionsResult.Success;
}
