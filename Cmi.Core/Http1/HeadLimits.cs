namespace Cmi.Http1;

/// <summary>The limits of a head.</summary>
/// <param name="MaxBytes">The whole head, from the start line to the empty line.</param>
/// <param name="MaxLineBytes">The request line, without its CRLF. A status line has no limit but <paramref name="MaxBytes"/>.</param>
/// <param name="MaxFields">Field lines.</param>
internal readonly record struct HeadLimits(int MaxBytes, int MaxLineBytes, int MaxFields);
