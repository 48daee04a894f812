internal import HoldfastEvent

/// One file of the ring and the sequence numbers it holds.
struct Segment: Equatable {
  var name: String
  /// Rewritten without padding, never written again; otherwise a recycled hot file.
  var isSealed: Bool
  /// The life of the file that counts; nil for sealed files, which have only one.
  var epoch: UInt64?
  /// Numbers `first..<end`; `end` moves while the segment is being written.
  var first: SequenceNumber
  var end: SequenceNumber
  /// Size on disk.
  var byteCount: Int
  /// Readable bytes: what was durable when writing ended.
  var dataByteCount: Int
  /// Compressed bytes within; nil when the segment was written before the last start.
  var payloadByteCount: Int?
  /// Arrival of its first event, microseconds since 1970; nil until it was read.
  var wall: Int64?
  /// Arrival of its last event; nil until it was read.
  var lastWall: Int64?
  /// When the next segment began, by the boot clock; nil where that was before this start.
  var endedAt: Int64?
  /// Of the times in it; nil in a sealed file, whose times are never written again.
  var ticksPerSecond: Int64?
  /// The file does not begin with a block of this life: either it rotted, or it was torn off with
  /// everything else of a commit that was never synced.
  var isHeadless = false

  /// Whether rewriting would free a good part of it.
  var isWorthSealing: Bool {
    guard !isSealed else { return false }
    guard let payloadByteCount else { return true }
    return payloadByteCount < byteCount / 4 * 3
  }

  static func hotName(_ index: Int) -> String {
    "hot-" + String(repeating: "0", count: max(0, 8 - String(index).count)) + String(index)
      + ".seg"
  }

  /// The index in `hot-00000001.seg`; nil for any other name.
  static func hotIndex(_ name: String) -> Int? {
    guard name.hasPrefix("hot-"), name.hasSuffix(".seg"), name.utf8.count == 16 else { return nil }
    // A name of ours is written in one way only: without a sign, in small letters.
    return Int(name.dropFirst(4).dropLast(4)).flatMap { hotName($0) == name ? $0 : nil }
  }

  static func sealedName(first: SequenceNumber, end: SequenceNumber) -> String {
    "sealed-" + hexadecimal(first) + "-" + hexadecimal(end) + ".seg"
  }

  /// The numbers in `sealed-<first>-<end>.seg`, so that a start needs to open no sealed file.
  static func sealedRange(_ name: String) -> Range<SequenceNumber>? {
    guard name.hasPrefix("sealed-"), name.hasSuffix(".seg"), name.utf8.count == 44 else {
      return nil
    }
    let digits = name.dropFirst(7).dropLast(4)
    guard let first = UInt64(digits.prefix(16), radix: 16),
      let end = UInt64(digits.suffix(16), radix: 16), first < end, first > 0,
      end < UInt64.max >> 1, sealedName(first: first, end: end) == name
    else { return nil }
    return first..<end
  }
}

/// The hot segment being written.
struct ActiveSegment {
  var file: DiskFile
  /// Of all events in it.
  var log: LogID
  var epoch: UInt64
  /// Where the next block goes; everything before it is durable.
  var offset: Int
  /// By boot clock, microseconds.
  var openedAt: Int64
}

/// A hot file that holds nothing we need.
struct SpareFile: Equatable {
  var name: String
  /// Its size: bytes written before, so that writing them again changes no metadata.
  var byteCount: Int
}

/// A hot file that is being filled with zeros, so that commits into it will change no metadata.
struct PreparingFile {
  var name: String
  var file: DiskFile
  var writtenByteCount: Int
}
