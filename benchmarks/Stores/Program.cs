using System.Globalization;
using Cmi.Benchmarks.Stores;

// dotnet run -c Release --project benchmarks/Stores -- all [DIRECTORY]          writes docs/benchmarks-stores.md
// dotnet run -c Release --project benchmarks/Stores -- ram | seal
// dotnet run -c Release --project benchmarks/Stores -- disk [DIRECTORY]
// dotnet run -c Release --project benchmarks/Stores -- flash WRITERS [DIRECTORY]
const int usualWriters = 64;
var page = new StoresPage();
switch (args)
{
    case ["all", .. var where]:
        await RamFigures.MeasureAsync(page);
        DiskFigures.MeasureSealing(page);
        await DiskFigures.MeasureAsync(where.FirstOrDefault() ?? Path.GetTempPath(), page);
        await new FlashFigures(where.FirstOrDefault() ?? Path.GetTempPath(), page).MeasureAsync(usualWriters);
        if (!Directory.Exists("docs"))
        {
            Console.Error.WriteLine("There is no docs directory here: the page is written from the root of the repository only.");
            return 1;
        }
        page.WriteTo(Path.Combine("docs", "benchmarks-stores.md"));
        return 0;
    case ["ram"]:
        await RamFigures.MeasureAsync(page);
        return 0;
    case ["disk", .. var where]:
        await DiskFigures.MeasureAsync(where.FirstOrDefault() ?? Path.GetTempPath(), page);
        return 0;
    case ["flash", var writers, .. var where] when int.TryParse(writers, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0:
        await new FlashFigures(where.FirstOrDefault() ?? Path.GetTempPath(), page).MeasureAsync(count);
        return 0;
    case ["seal"]:
        DiskFigures.MeasureSealing(page);
        return 0;
    default:
        Console.Error.WriteLine("Say what to measure: all [DIRECTORY], ram, disk [DIRECTORY], flash WRITERS [DIRECTORY], or seal.");
        return 2;
}
