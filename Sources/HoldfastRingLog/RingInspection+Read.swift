internal import HoldfastCodec
public import HoldfastEvent

/// How far the headers of the newest segment have been read: each look goes on from there.
struct TailScan {
  var name = ""
  var epoch: UInt64?
  var offset = 0
  /// Whole blocks, by number.
  var blocks: [Range<SequenceNumber>] = []
  /// The highest number that some block says was durable before it.
  var proven: SequenceNumber = 0
}

extension RingInspection {
  /// What stands at a number.
  public enum Entry: Equatable, Sendable {
    /// Stored events; the number asked for is that of row `row`.
    case events(StoredBatch, row: Int)
    /// A gap record; see ``ReadResult``.
    case gap(GapRecord)
    /// Freed: below the lowest number kept.
    case released(until: SequenceNumber)
    /// Not readable, and no record says why.
    case unreadable(until: SequenceNumber)
    /// Nothing there yet.
    case end
  }

  /// How often a number is looked for while a live agent moves files.
  private static var tryCountMax: Int { 4 }

  /// What stands at number `sequence`.
  ///
  /// - Parameters:
  ///   - sequence: the number wanted, at least 1.
  ///   - passedGaps: how many marks right before that number were passed already.
  /// - Returns: the entry; ``Entry/end`` where nothing has been written yet.
  /// - Complexity: O(block) when reading on, O(segment's blocks) after a jump.
  public func read(from sequence: SequenceNumber, passedGaps: Int) -> Entry {
    for _ in 0..<Self.tryCountMax {
      let entry = look(at: sequence, passedGaps: passedGaps)
      guard case .unreadable = entry else { return entry }
      let before = (state?.generation, segments)
      reader.reset()
      do throws(RingInspectionError) { try refresh() } catch { return entry }
      if before == (state?.generation, segments) { return entry }
    }
    return look(at: sequence, passedGaps: passedGaps)
  }

  /// Finds events written since the last look into the newest segment.
  ///
  /// - Throws: ``RingInspectionError``.
  public func advance() throws(RingInspectionError) {
    try refresh(isThorough: false)
    reader.reset()
  }

  private func look(at sequence: SequenceNumber, passedGaps: Int) -> Entry {
    if let mark = gaps.standing(before: sequence, passed: passedGaps) { return .gap(mark) }
    if let gap = gaps.covering(sequence)?.clipped(from: sequence) { return .gap(gap) }
    guard sequence < end else { return .end }
    let place = gaps.nextPlace(after: sequence) ?? end
    guard let segment = segments.last(where: { $0.first <= sequence && sequence < $0.end }) else {
      let next = segments.first { $0.first > sequence }?.first ?? end
      let limit = max(sequence + 1, min(next, place, end))
      return sequence < floor ? .released(until: min(limit, floor)) : .unreadable(until: limit)
    }
    do throws(DiskError) {
      switch try reader.read(sequence, in: segment, directory: directory) {
      case .events(let batch):
        guard let row = batch.index(of: sequence) else { return .end }
        var part = batch
        let cut = min(place, end)
        if cut < batch.end { part.events.rows.removeSubrange(Int(cut - batch.first)...) }
        return .events(part, row: row)
      case .missing(let next):
        return .unreadable(until: max(sequence + 1, min(next, place, end)))
      }
    } catch {
      return .unreadable(until: max(sequence + 1, min(segment.end, place, end)))
    }
  }

  /// Sets ``end``: beyond what is proven to have been durable, only an unbroken run counts.
  func findEnd() {
    let durable = state?.durable ?? 0
    end = durable + 1
    guard let last = segments.last else { return }
    if last.isSealed {
      end = max(end, last.end)
      return
    }
    scanHeaders(of: last, durable: durable)
    let proven = max(durable, tailScan.proven)
    var readable = last.first
    for block in tailScan.blocks {
      if block.lowerBound > max(readable, proven + 1)
        && gaps.coveredCount(readable..<block.lowerBound, reason: .unused)
          < block.lowerBound - readable
      {
        break
      }
      readable = max(readable, block.upperBound)
    }
    end = max(proven + 1, readable)
    segments[segments.count - 1].end = max(readable, last.first)
  }

  /// Reads the headers of the newest segment; blocks that may not be durable must be whole.
  private func scanHeaders(of segment: Segment, durable: SequenceNumber) {
    if tailScan.name != segment.name || tailScan.epoch != segment.epoch {
      tailScan = TailScan(name: segment.name, epoch: segment.epoch)
    }
    do throws(DiskError) {
      let file = try disk.open(directory + "/" + segment.name, isWritable: false)
      defer { disk.close(file) }
      var bytes: [UInt8] = []
      var offset = tailScan.offset
      while offset < segment.byteCount {
        try disk.read(file, at: offset, count: Format.headerByteCount, into: &bytes)
        guard case .header(let header) = BlockHeader.read(bytes[...]),
          header.epoch == segment.epoch
        else {
          offset += Format.alignment
          continue
        }
        if header.end > durable + 1, try !isWhole(header, at: offset, of: file) {
          offset += Format.alignment
          continue
        }
        offset += header.blockByteCount
        tailScan.offset = offset
        tailScan.blocks.append(header.first..<header.end)
        tailScan.proven = max(tailScan.proven, header.durable)
      }
    } catch {
      // What could be read counts; the rest is looked at again next time.
    }
  }

  private func isWhole(
    _ header: BlockHeader,
    at offset: Int,
    of file: DiskFile
  ) throws(DiskError) -> Bool {
    var payload: [UInt8] = []
    try disk.read(
      file,
      at: offset + Format.headerByteCount,
      count: header.payloadByteCount,
      into: &payload
    )
    return payload.count == header.payloadByteCount
      && crc32c(payload[...]) == header.payloadChecksum
  }
}
