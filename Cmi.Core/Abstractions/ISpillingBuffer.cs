namespace Cmi;

/// <summary>
/// A buffer that can tell whether its content has outgrown the memory that its store begins in; metrics count it. <para>Threading: the loop of the buffer.</para>
/// </summary>
public interface ISpillingBuffer : IBuffer
{
    /// <summary>Whether any of its content was ever in another tier than the first, now or before.</summary>
    bool HasSpilled { get; }
}
