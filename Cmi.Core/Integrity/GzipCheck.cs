using System.IO.Compression;
using System.Text;

namespace Cmi.Integrity;

/// <summary>
/// Unpacks the content of replies that are coded with gzip, to nowhere: whether it is well formed, its checksums are right and it ends where a member ends
/// (RFC 1952). A reply that unpacks to more than a bound is not looked at beyond it, and passes.
/// <para>Threading: any thread.</para>
/// </summary>
/// <param name="maxBytes">The bound, in bytes unpacked.</param>
internal sealed class GzipCheck(long maxBytes) : IReplyCheck
{
    public IReplyInspection? Begin(in ReplyFacts reply)
    {
        if (reply.Status == 206 || reply.Field("Content-Encoding"u8) is not { } coding) return null;
        return Ascii.EqualsIgnoreCase(coding, "gzip"u8) || Ascii.EqualsIgnoreCase(coding, "x-gzip"u8) ? new Inspection(maxBytes) : null;
    }

    private sealed class Inspection(long maxBytes) : IReplyInspection
    {
        private const int OutputBytes = 16 * 1024;

        // The unpacker does not say whether its input ended in the middle. So a member of our own is put behind the content: what it holds comes out last, and
        // alone, only if the content ended where a member ends.
        private static readonly byte[] Mark = "the content ended where a member ends"u8.ToArray();
        private static readonly byte[] MarkMember = Pack(Mark);

        private readonly Feed _feed = new();
        private readonly byte[] _output = new byte[OutputBytes];
        private readonly byte[] _last = new byte[Mark.Length];
        private GZipStream? _unpacker;
        private long _unpacked;
        private string? _fault;
        private bool _any;

        public void Append(ReadOnlySpan<byte> content)
        {
            if (_fault is not null || _unpacked > maxBytes || content.IsEmpty) return;
            _any = true;
            Unpack(content);
        }

        public string? Judge()
        {
            if (_fault is null && _any && _unpacked <= maxBytes)
            {
                var before = _unpacked;
                Unpack(MarkMember);
                if (_fault is null && (_unpacked - before < Mark.Length || !_last.AsSpan().SequenceEqual(Mark))) _fault = "its gzip ends in the middle";
            }
            return _fault;
        }

        public void Dispose() => _unpacker?.Dispose();

        private void Unpack(ReadOnlySpan<byte> content)
        {
            _feed.Bytes = content.ToArray();
            try
            {
                _unpacker ??= new(_feed, CompressionMode.Decompress);
                for (int count; (count = _unpacker.Read(_output)) > 0 && _unpacked <= maxBytes; _unpacked += count) KeepLast(_output.AsSpan(0, count));
            }
            catch (InvalidDataException e)
            {
                _fault = "its gzip is broken: " + e.Message;
            }
        }

        private void KeepLast(ReadOnlySpan<byte> output)
        {
            if (output.Length >= _last.Length)
            {
                output[^_last.Length..].CopyTo(_last);
                return;
            }
            _last.AsSpan(output.Length).CopyTo(_last);
            output.CopyTo(_last.AsSpan(_last.Length - output.Length));
        }

        private static byte[] Pack(byte[] content)
        {
            using var packed = new MemoryStream();
            using (var packer = new GZipStream(packed, CompressionLevel.Fastest)) packer.Write(content);
            return packed.ToArray();
        }

        /// <summary>Gives what it was given, and then says that there is no more for now.</summary>
        private sealed class Feed : Stream
        {
            public ReadOnlyMemory<byte> Bytes;

            public override bool CanRead => true;
            public override bool CanSeek => false;
            public override bool CanWrite => false;
            public override long Length => throw new NotSupportedException();
            public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

            public override int Read(Span<byte> buffer)
            {
                var count = Math.Min(buffer.Length, Bytes.Length);
                Bytes.Span[..count].CopyTo(buffer);
                Bytes = Bytes[count..];
                return count;
            }

            public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
            public override void Flush() { }
            public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
            public override void SetLength(long value) => throw new NotSupportedException();
            public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        }
    }
}
