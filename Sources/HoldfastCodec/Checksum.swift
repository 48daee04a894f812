internal import CCRC32C

/// CRC-32C (Castagnoli) of `bytes`, continued from `seed`.
public func crc32c(_ bytes: ArraySlice<UInt8>, seed: UInt32 = 0) -> UInt32 {
  unsafe bytes.withUnsafeBytes { unsafe holdfast_crc32c(seed, $0.baseAddress, $0.count) }
}

/// The same without the processor's instruction; for tests and for architectures that lack it.
public func portableCRC32C(_ bytes: ArraySlice<UInt8>, seed: UInt32 = 0) -> UInt32 {
  unsafe bytes.withUnsafeBytes { unsafe holdfast_crc32c_portable(seed, $0.baseAddress, $0.count) }
}

/// Whether ``crc32c(_:seed:)`` uses an instruction of this processor.
public var crc32cUsesHardware: Bool { holdfast_crc32c_is_hardware() != 0 }
