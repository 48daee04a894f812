internal import CZstd

/// Writes zstd frames piece by piece: each flush can be decompressed once all before it were.
///
/// Safe: the context is owned, never shared and freed once.
/// One frame is one chain. zstd sees every earlier byte of the chain, so that small pieces
/// compress like a large block; the price is that a chain is read from its start.
@safe public struct ChainCompressor: ~Copyable {
  /// Made at first use: a log that is only read needs none.
  private var context: OpaquePointer?
  private let level: Int32
  private let windowLog: Int32
  private let contexts: CodecContexts

  /// A compressor; where memory can't be had, every ``flush(_:into:)`` answers false.
  ///
  /// - Parameters:
  ///   - level: zstd's level, 1 to 9.
  ///   - windowLog: base-2 logarithm of the bytes zstd looks back, 10 to 27.
  ///   - contexts: where its context comes from and goes to.
  public init(level: Int32, windowLog: Int32, contexts: CodecContexts = CodecContexts()) {
    self.level = level
    self.windowLog = windowLog
    self.contexts = contexts
  }

  private mutating func makeContext() {
    unsafe context = contexts.makeCompressor()
    guard let context = unsafe context else { return }
    unsafe _ = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
    unsafe _ = ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, windowLog)
    // Blocks carry their own CRC-32C, and sizes stand in their headers.
    unsafe _ = ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 0)
    unsafe _ = ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0)
  }

  deinit {
    if let context = unsafe context { unsafe contexts.takeBack(compressor: context) }
  }

  /// Begins a new frame; what was not flushed is forgotten.
  public mutating func beginChain() {
    guard let context = unsafe context else { return }
    unsafe _ = ZSTD_CCtx_reset(context, ZSTD_reset_session_only)
  }

  /// Compresses all of `raw` and appends it, flushed, to `output`; false when zstd fails.
  ///
  /// - Complexity: O(`raw.count`).
  public mutating func flush(_ raw: [UInt8], into output: inout [UInt8]) -> Bool {
    if unsafe context == nil { makeContext() }
    guard let context = unsafe context else { return false }
    let start = output.count
    let bound = Self.byteCountBound(raw.count)
    output.append(contentsOf: repeatElement(0, count: bound))
    let written: Int? = unsafe raw.withUnsafeBytes { source in
      unsafe output.withUnsafeMutableBytes { target in
        var input = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
        guard let base = target.baseAddress else { return nil }
        var room = unsafe ZSTD_outBuffer(dst: base + start, size: bound, pos: 0)
        while true {
          let rest = unsafe ZSTD_compressStream2(context, &room, &input, ZSTD_e_flush)
          if ZSTD_isError(rest) != 0 { return nil }
          if unsafe rest == 0 && input.pos == input.size { return unsafe room.pos }
          if unsafe room.pos == room.size { return nil }
        }
      }
    }
    output.removeLast(bound - (written ?? 0))
    return written != nil
  }

  /// The most bytes that one flush of `rawByteCount` bytes can take.
  public static func byteCountBound(_ rawByteCount: Int) -> Int {
    // ZSTD_compressBound plus a frame header and a block header per 128 KiB block and flush.
    rawByteCount + rawByteCount >> 8 + 3 * (rawByteCount >> 17) + 1024
  }
}

/// Reads the pieces that a ``ChainCompressor`` wrote, in order.
@safe public struct ChainDecompressor: ~Copyable {
  /// Made at first use: most readers of a ring that is up to date never need it.
  private var context: OpaquePointer?
  private let windowLogMax: Int32
  private let contexts: CodecContexts

  /// A decompressor; where memory can't be had, every decompression answers false.
  ///
  /// - Parameters:
  ///   - windowLogMax: frames that need more memory than this are refused.
  ///   - contexts: where its context comes from and goes to.
  public init(windowLogMax: Int32, contexts: CodecContexts = CodecContexts()) {
    self.windowLogMax = windowLogMax
    self.contexts = contexts
  }

  private mutating func makeContext() {
    unsafe context = contexts.makeDecompressor()
    guard let context = unsafe context else { return }
    unsafe _ = ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, windowLogMax)
  }

  deinit {
    if let context = unsafe context { unsafe contexts.takeBack(decompressor: context) }
  }

  /// Begins a new frame.
  public mutating func beginChain() {
    guard let context = unsafe context else { return }
    unsafe _ = ZSTD_DCtx_reset(context, ZSTD_reset_session_only)
  }

  /// Replaces `output` by the `rawByteCount` bytes that `piece` holds.
  ///
  /// - Returns: false when the piece is damaged or holds another number of bytes; memory use is
  ///   bounded by `rawByteCount` whatever the piece says.
  public mutating func decompress(
    _ piece: ArraySlice<UInt8>,
    rawByteCount: Int,
    into output: inout [UInt8]
  ) -> Bool {
    output.removeAll(keepingCapacity: true)
    // One byte more than asked for, so that a longer piece shows itself.
    output.append(contentsOf: repeatElement(0, count: rawByteCount + 1))
    if unsafe context == nil { makeContext() }
    guard let context = unsafe context else { return false }
    let produced: Int? = unsafe piece.withUnsafeBytes { source in
      unsafe output.withUnsafeMutableBytes { target in
        var input = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
        var room = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
        while unsafe input.pos < input.size {
          let before = unsafe (input.pos, room.pos)
          let hint = unsafe ZSTD_decompressStream(context, &room, &input)
          if ZSTD_isError(hint) != 0 { return nil }
          if unsafe before == (input.pos, room.pos) { return nil }
        }
        return unsafe room.pos
      }
    }
    output.removeLast(output.count - min(output.count, produced ?? 0))
    return produced == rawByteCount
  }
}
