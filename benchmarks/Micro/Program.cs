using BenchmarkDotNet.Running;

// dotnet run -c Release --project benchmarks/Micro -- --filter '*Head*'
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
