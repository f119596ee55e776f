namespace Cmi;

/// <summary>A buffer store that keeps memory for its next use, and can let go of it; <see cref="CmiEngine.TrimAsync"/> asks for that. <para>Threading: any loop, several at once.</para></summary>
public interface ITrimmableBufferStore
{
    /// <summary>Lets go of the memory that no buffer of a loop needs at the moment. What lives is not touched.</summary>
    /// <param name="loop">The loop, which is the one that calls.</param>
    void Trim(ILoop loop);
}
