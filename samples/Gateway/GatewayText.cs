namespace Cmi.Samples.Gateway;

/// <summary>What the program says to people.</summary>
internal static class GatewayText
{
    internal const string Help = """
        Gateway: an HTTP/1.1 reverse proxy that keeps its clients' connections, whatever the servers do with theirs.

        Gateway [options]

          --listen URL                    where clients connect; repeatable; port 0 picks a free one (http://127.0.0.1:8080)
          --server URL                    a server, http://HOST[:PORT] or unix:/PATH; repeatable (none: two demo servers start)
          --buffer ram|flash|disk|tiered  which store holds requests and replies (tiered: RAM, then flash, then disk)
          --buffer-path DIR               where flash and disk keep their files (a new temporary directory, removed on exit)
          --buffer-ram BYTES              what may be held in RAM, with K, M or G (256M, or a quarter of the memory if that is less)
          --buffer-flash BYTES            the same for flash (1G, less where less is free)
          --buffer-disk BYTES             the same for disk (4G, less where less is free)
          --loops N                       event loops, the threads that carry connections (one for each processor)
          --max-requests-per-server N     requests in flight at one server; the rest wait in the queue (0: no limit)
          --admin URL                     /metrics (Prometheus), /health/live, /health/ready and /status (JSON), on a port of their own (off)
          --config FILE                   a JSON file with a section Cmi, taken over when it changes (appsettings.json beside the program, if any)
          --Cmi:Section:Name=value        any single setting, such as --Cmi:Timeouts:Queue=00:00:05; CMI__Timeouts__Queue in the environment
          --Logging:LogLevel:Cmi=Debug    what is logged to standard error
          --help, --version

        The command line goes over the environment, and that over the file. SIGTERM or Ctrl-C: no new connections, requests that have
        arrived are finished; a second time: they are cut. Exit code 0: stopped; 1: cannot listen; 2: options or settings cannot work.
        """;

    internal static string Demo(ListenAddress endpoint)
    {
        if (endpoint.Kind != AddressKind.Tcp) return $"Two demo servers answer; try: curl --unix-socket {endpoint.Host} http://demo/";
        var host = endpoint.Host switch { "*" or "0.0.0.0" => "127.0.0.1", "::" => "::1", var given => given };
        var url = (endpoint with { Host = host }).ToString();
        return $"""

            No --server was given, so two demo servers answer: one speaks HTTP/1.1, the other HTTP/1.0: it closes after every reply and tells no length.

            curl -v {url}/ {url}/
                Both servers answer. Each reply has a Content-Length and the second request re-uses the connection, although one server closed its own.

            time (printf 'GET /slow?ms=500 HTTP/1.1\r\nHost: demo\r\n\r\n%.0s' 1 2 3 4; printf 'GET / HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n') | nc {host} {endpoint.Port}
                Four stacked requests of 500 ms each are answered in order, in about 0.5 s instead of 2 s: they went out side by side.

            curl {url}/chunked -i           five pieces of unknown length arrive with a Content-Length
            curl {url}/echo -d 'some text'  what a server gets
            curl {url}/headers              the fields that a server gets
            curl {url}/big?bytes=10000000 -o /dev/null

            Ctrl-C stops.
            """;
    }
}
