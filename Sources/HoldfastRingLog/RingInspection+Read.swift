public import HoldfastEvent

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

  /// One event of the log, wherever reading is otherwise; nil where it can't be read, or is gone.
  ///
  /// - Complexity: O(block) when reading on, O(segment's blocks) after a jump.
  public func recall(_ sequence: SequenceNumber) -> (row: EventBatch.Row, bytes: [UInt8])? {
    guard sequence < end, gaps.covering(sequence) == nil,
      let segment = segments.last(where: { $0.first <= sequence && sequence < $0.end }),
      case .some(.events(let batch)) = try? recallReader.read(
        sequence,
        in: segment,
        directory: directory
      ),
      let row = batch.index(of: sequence)
    else { return nil }
    return (batch.events.rows[row], batch.events.bytes)
  }

  /// Finds events written since the last look into the newest segment.
  ///
  /// - Throws: ``RingInspectionError``.
  public func advance() throws(RingInspectionError) {
    try refresh(isThorough: false)
    reader.reset()
    recallReader.reset()
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
      case .newer:
        return .unreadable(until: max(sequence + 1, min(segment.end, place, end)))
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
    var scan = tailScan ?? TailScan(of: last)
    if scan.name != last.name || scan.epoch != last.epoch { scan = TailScan(of: last) }
    do throws(DiskError) {
      let file = try disk.open(directory + "/" + last.name, isWritable: false)
      defer { disk.close(file) }
      try scan.advance(in: file, on: disk, byteCount: last.byteCount)
    } catch {
      // What could be read counts; the rest is looked at again next time.
    }
    tailScan = scan
    let found = scan.end(durable: durable, gaps: gaps)
    end = found.end
    segments[segments.count - 1].end = max(found.written, last.first)
  }
}
