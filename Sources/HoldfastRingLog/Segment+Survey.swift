internal import HoldfastEvent

// What a start and a mere look at the directory have in common.

extension Segment {
  /// The first block of a hot file's latest life.
  ///
  /// - Parameters:
  ///   - file: open for reading.
  ///   - disk: where it lies.
  ///   - byteCount: its size.
  ///   - isThorough: whether the whole file is searched when it does not begin with a block.
  /// - Throws: when the file can't be read.
  /// - Returns: the header, nil where there is none; whether a newer version wrote the file; and
  ///   whether the file's first block is missing before it.
  static func firstHeader(
    of file: DiskFile,
    on disk: any Disk,
    byteCount: Int,
    isThorough: Bool = true
  ) throws(DiskError) -> (BlockHeader?, isNewer: Bool, isHeadless: Bool) {
    var bytes: [UInt8] = []
    var best: BlockHeader?
    var offset = 0
    while offset < byteCount {
      try disk.read(file, at: offset, count: Format.headerByteCount, into: &bytes)
      switch BlockHeader.read(bytes[...]) {
      case .newer: return (nil, true, false)
      case .header(let header):
        if offset == 0 { return (header, false, false) }
        if header.epoch > best?.epoch ?? 0 { best = header }
      case .nothing: break
      }
      if !isThorough { break }
      offset += Format.alignment
    }
    return (best, false, true)
  }

  /// Sorts segments by number and clips what overlaps.
  ///
  /// - Parameters:
  ///   - found: every segment of the directory, in any order.
  ///   - floor: the lowest number kept.
  /// - Returns: `kept`, ascending; `free`: what lies below the floor or was sealed already.
  static func arranged(
    _ found: [Segment],
    floor: SequenceNumber
  ) -> (kept: [Segment], free: [Segment]) {
    var sorted = found.sorted {
      ($0.first, $0.isSealed ? 0 : 1, $0.epoch ?? 0) < (
        $1.first, $1.isSealed ? 0 : 1, $1.epoch ?? 0
      )
    }
    // What could not be made durable was written once more, in a later life of another file; a
    // power cut can bring the earlier file back.
    var superseded: Set<String> = []
    var lowest = SequenceNumber.max
    for segment in found.sorted(by: { $0.epoch ?? 0 > $1.epoch ?? 0 }) where !segment.isSealed {
      if segment.first >= lowest { superseded.insert(segment.name) }
      lowest = min(lowest, segment.first)
    }
    var free = sorted.filter { superseded.contains($0.name) }
    sorted.removeAll { superseded.contains($0.name) }
    // A hot file that was sealed and not freed before the crash holds nothing new.
    let sealed = sorted.filter(\.isSealed)
    var unique: [Segment] = []
    for segment in sorted {
      let isCopy =
        !segment.isSealed
        && sealed.contains { $0.first <= segment.first && segment.first < $0.end }
      if isCopy { free.append(segment) } else { unique.append(segment) }
    }
    sorted = unique
    for index in sorted.indices.dropLast() {
      let next = sorted[index + 1].first
      sorted[index].end = sorted[index].isSealed ? min(sorted[index].end, next) : next
    }
    // A hot file of an earlier round whose numbers lie wholly below the floor was released.
    let isKept = { (segment: Segment) in segment.end > floor && segment.end > segment.first }
    free += sorted.dropLast().filter { !isKept($0) }
    return (sorted.dropLast().filter(isKept) + sorted.suffix(1), free)
  }
}
