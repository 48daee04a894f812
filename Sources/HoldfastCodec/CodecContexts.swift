internal import CZstd

/// Contexts of zstd that nobody uses at the moment: who is done with one leaves it to the next.
///
/// Making a context costs more than a small block. What comes out of a context does not depend on
/// what went through it before. Single owner: those who share it run in one thread.
@safe public final class CodecContexts {
  private let countMax: Int
  private var compressors: [OpaquePointer] = unsafe []
  private var decompressors: [OpaquePointer] = unsafe []

  /// Nothing is kept yet.
  ///
  /// - Parameter countMax: most contexts kept of either kind. Each takes the memory of the largest
  ///   chain that it was used for, so that 0, the default, is right where few are made.
  public init(keeping countMax: Int = 0) { self.countMax = countMax }

  deinit {
    while let context = unsafe compressors.popLast() { unsafe _ = ZSTD_freeCCtx(context) }
    while let context = unsafe decompressors.popLast() { unsafe _ = ZSTD_freeDCtx(context) }
  }

  /// How many of either kind are kept at the moment.
  public var keptCount: Int { unsafe compressors.count + decompressors.count }

  /// A context without parameters; nil when memory for it can't be had.
  func makeCompressor() -> OpaquePointer? {
    unsafe compressors.popLast() ?? ZSTD_createCCtx()
  }

  /// The same for the other direction.
  func makeDecompressor() -> OpaquePointer? {
    unsafe decompressors.popLast() ?? ZSTD_createDCtx()
  }

  /// Keeps or frees what ``makeCompressor()`` gave.
  func takeBack(compressor context: OpaquePointer) {
    let isReset = unsafe ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters)
    guard unsafe compressors.count < countMax, ZSTD_isError(isReset) == 0 else {
      unsafe _ = ZSTD_freeCCtx(context)
      return
    }
    unsafe compressors.append(context)
  }

  /// Keeps or frees what ``makeDecompressor()`` gave.
  func takeBack(decompressor context: OpaquePointer) {
    let isReset = unsafe ZSTD_DCtx_reset(context, ZSTD_reset_session_and_parameters)
    guard unsafe decompressors.count < countMax, ZSTD_isError(isReset) == 0 else {
      unsafe _ = ZSTD_freeDCtx(context)
      return
    }
    unsafe decompressors.append(context)
  }
}
