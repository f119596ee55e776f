using System.Globalization;

namespace Cmi.Tests.Reliability;

/// <summary>How long a suite runs: briefly by default, as long as a variable of the environment says otherwise.</summary>
internal static class SuiteLength
{
    internal static int Asked(string variable, int usual) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : usual;
}
