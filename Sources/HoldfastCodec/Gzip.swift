internal import CZlib

/// RFC 1950's largest window, and 16 for the gzip wrapper (zlib.h, `deflateInit2`).
private let gzipWindowBits: Int32 = 15 + 16

/// Compresses bytes into one gzip member (RFC 1952).
///
/// Without a name and a time, so that the same bytes always give the same member.
///
/// - Parameters:
///   - bytes: what to compress, less than 4 GiB.
///   - level: zlib's level, 1 to 9; 6 is its default.
/// - Returns: the member; nil when memory for it can't be had, or there are too many bytes.
/// - Complexity: O(`bytes.count`).
public func gzipCompressed(_ bytes: ArraySlice<UInt8>, level: Int32) -> [UInt8]? {
  guard let inputByteCount = UInt32(exactly: bytes.count) else { return nil }
  var stream = unsafe z_stream()
  let isReady = unsafe deflateInit2_(
    &stream,
    level,
    Z_DEFLATED,
    gzipWindowBits,
    8,
    Z_DEFAULT_STRATEGY,
    ZLIB_VERSION,
    Int32(MemoryLayout<z_stream>.size)
  )
  guard isReady == Z_OK else { return nil }
  defer { unsafe _ = deflateEnd(&stream) }
  let bound = unsafe deflateBound(&stream, UInt(inputByteCount))
  guard let outputByteCount = UInt32(exactly: bound) else { return nil }
  var isWhole = false
  let member = unsafe [UInt8](unsafeUninitializedCapacity: Int(outputByteCount)) { target, count in
    unsafe bytes.withUnsafeBufferPointer { source in
      // zlib takes a mutable pointer and doesn't write to it.
      unsafe stream.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
      unsafe stream.avail_in = inputByteCount
      unsafe stream.next_out = target.baseAddress
      unsafe stream.avail_out = outputByteCount
      isWhole = unsafe deflate(&stream, Z_FINISH) == Z_STREAM_END
      count = unsafe isWhole ? Int(outputByteCount - stream.avail_out) : 0
    }
  }
  return isWhole ? member : nil
}

/// The contents of one gzip member.
///
/// - Parameters:
///   - member: all of it, and nothing behind it.
///   - byteCountMax: most bytes that are accepted; memory stays within twice of it whatever the
///     member holds.
/// - Returns: nil when it is damaged (its CRC-32 is checked) or holds more than `byteCountMax`.
/// - Complexity: O(bytes in and out).
public func gzipDecompressed(_ member: ArraySlice<UInt8>, byteCountMax: Int) -> [UInt8]? {
  guard let inputByteCount = UInt32(exactly: member.count), byteCountMax >= 0,
    byteCountMax < Int(UInt32.max)
  else { return nil }
  var stream = unsafe z_stream()
  let isReady = unsafe inflateInit2_(
    &stream,
    gzipWindowBits,
    ZLIB_VERSION,
    Int32(MemoryLayout<z_stream>.size)
  )
  guard isReady == Z_OK else { return nil }
  defer { unsafe _ = inflateEnd(&stream) }
  // One byte more than asked for, so that a longer member shows itself.
  var output = [UInt8](repeating: 0, count: min(byteCountMax + 1, member.count * 4 + 64))
  var done = 0
  let isWhole = unsafe member.withUnsafeBufferPointer { source in
    unsafe stream.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
    unsafe stream.avail_in = inputByteCount
    while true {
      let result = unsafe output.withUnsafeMutableBufferPointer { target in
        unsafe stream.next_out = target.baseAddress.map { unsafe $0 + done }
        unsafe stream.avail_out = UInt32(target.count - done)
        let result = unsafe inflate(&stream, Z_NO_FLUSH)
        done = unsafe target.count - Int(stream.avail_out)
        return result
      }
      if result == Z_STREAM_END { return unsafe stream.avail_in == 0 }
      // Z_BUF_ERROR with room left: the member is cut short.
      guard result == Z_OK || result == Z_BUF_ERROR, done == output.count,
        output.count <= byteCountMax
      else { return false }
      let more = min(byteCountMax + 1 - output.count, output.count)
      output.append(contentsOf: repeatElement(0, count: more))
    }
  }
  guard isWhole, done <= byteCountMax else { return nil }
  output.removeLast(output.count - done)
  return output
}
