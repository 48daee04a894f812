internal import CZstd

/// Compresses bytes into one zstd frame.
///
/// - Parameters:
///   - bytes: what to compress.
///   - level: zstd's level; 3 is its default.
/// - Returns: the frame; nil when memory for it can't be had.
public func zstdCompressed(_ bytes: ArraySlice<UInt8>, level: Int32) -> [UInt8]? {
  let bound = ZSTD_compressBound(bytes.count)
  guard ZSTD_isError(bound) == 0 else { return nil }
  var isFailed = false
  let frame = unsafe [UInt8](unsafeUninitializedCapacity: bound) { target, count in
    let written = unsafe bytes.withUnsafeBytes { source in
      unsafe ZSTD_compress(
        target.baseAddress,
        target.count,
        source.baseAddress,
        source.count,
        level
      )
    }
    isFailed = ZSTD_isError(written) != 0
    count = isFailed ? 0 : written
  }
  return isFailed ? nil : frame
}

/// The contents of one zstd frame; nil when it is damaged or holds more than `byteCountMax`.
public func zstdDecompressed(_ frame: ArraySlice<UInt8>, byteCountMax: Int) -> [UInt8]? {
  let size = unsafe frame.withUnsafeBytes {
    unsafe ZSTD_getFrameContentSize($0.baseAddress, $0.count)
  }
  // Unknown size and errors are the two greatest numbers.
  guard size <= UInt64(max(0, byteCountMax)) else { return nil }
  var isFailed = false
  let bytes = unsafe [UInt8](unsafeUninitializedCapacity: Int(size)) { target, count in
    let written = unsafe frame.withUnsafeBytes { source in
      unsafe ZSTD_decompress(
        target.baseAddress,
        target.count,
        source.baseAddress,
        source.count
      )
    }
    isFailed = ZSTD_isError(written) != 0
    count = isFailed ? 0 : written
  }
  return isFailed ? nil : bytes
}
