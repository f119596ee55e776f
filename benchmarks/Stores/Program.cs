using System.Globalization;
using Cmi.Benchmarks.Stores;

// dotnet run -c Release --project benchmarks/Stores -- disk [DIRECTORY]
// dotnet run -c Release --project benchmarks/Stores -- flash WRITERS [DIRECTORY]
// dotnet run -c Release --project benchmarks/Stores -- seal
switch (args)
{
    case ["disk", .. var where]:
        await DiskFigures.PrintAsync(where.FirstOrDefault() ?? Path.GetTempPath());
        return 0;
    case ["flash", var writers, .. var where] when int.TryParse(writers, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0:
        await new FlashFigures(where.FirstOrDefault() ?? Path.GetTempPath()).PrintAsync(count);
        return 0;
    case ["seal"]:
        DiskFigures.PrintSealing(encrypt: true);
        DiskFigures.PrintSealing(encrypt: false);
        return 0;
    default:
        Console.Error.WriteLine("Say what to measure: disk [DIRECTORY], flash WRITERS [DIRECTORY], or seal.");
        return 2;
}
