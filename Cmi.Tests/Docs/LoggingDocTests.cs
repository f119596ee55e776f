using System.Reflection;
using System.Text.RegularExpressions;
using Cmi.Sockets;
using Microsoft.Extensions.Logging;

namespace Cmi.Tests.Docs;

/// <summary>Holds <c>docs/logging.md</c> against what the code can log.</summary>
public sealed partial class LoggingDocTests
{
    [Test]
    public void EachMessage_HasItsRow()
    {
        var documented = Row().Matches(Repository.Read("docs/logging.md"))
            .Select(row => $"{row.Groups["id"].Value} {row.Groups["level"].Value} {row.Groups["message"].Value}");
        Assert.That(documented, Is.EqualTo(Messages().Select(message => $"{message.EventId} {message.Level} {message.Message}")));
    }

    [Test]
    public void EachEventId_IsUsedOnce() => Assert.That(Messages().Select(message => message.EventId), Is.Unique);

    private static IEnumerable<LoggerMessageAttribute> Messages() => new[] { typeof(CmiEngine), typeof(SocketConnectionManager) }
        .SelectMany(part => part.Assembly.GetTypes())
        .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic))
        .Select(method => method.GetCustomAttribute<LoggerMessageAttribute>()).OfType<LoggerMessageAttribute>()
        .OrderBy(message => message.EventId);

    [GeneratedRegex(@"^\| (?<id>\d+) \| (?<level>\w+) \| (?<message>[^|]+) \| [^|]+ \|$", RegexOptions.Multiline)]
    private static partial Regex Row();
}
