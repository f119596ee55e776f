using Cmi.Http1;
using Cmi.Messages;

namespace Cmi.Forwarding;

/// <summary>
/// Max-Forwards limits how far a TRACE or OPTIONS goes (RFC 9110 §7.6.2). In other methods it is ignored. Threading: the loop that owns the head.
/// </summary>
internal static class MaxForwardsField
{
    /// <summary>Whether the request must be answered here and go no further.</summary>
    public static bool IsSpent(RequestHead head) =>
        Counts(head) && Octets.TryReadDigits(head.Fields.First(FieldName.MaxForwards), out var left) && left == 0;

    /// <summary>The value to forward, if it is a number that counts.</summary>
    public static bool TryLower(RequestHead head, in Field field, out long lowered)
    {
        lowered = 0;
        if (!Counts(head) || !Octets.TryReadDigits(head.Fields.ValueOf(field), out var left)) return false;
        lowered = Math.Max(0, left - 1);
        return true;
    }

    private static bool Counts(RequestHead head) => head.Method is Method.Trace or Method.Options && head.Fields.Has(FieldName.MaxForwards);
}
