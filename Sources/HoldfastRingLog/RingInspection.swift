public import HoldfastEvent

/// Why a ring log can't be looked at.
public enum RingInspectionError: Error, Equatable, Sendable {
  /// There is none in the directory.
  case missing
  /// A newer version wrote everything that is there.
  case newer
  /// The directory can't be listed or the state can't be read.
  case disk(DiskError)
}

/// A ring log seen from outside, stopped or beside a live agent: reads, and never writes.
///
/// What it holds is a picture as of the last ``refresh(isThorough:)``. A live agent goes on
/// meanwhile: it recycles, seals and evicts files, and the end of its active segment may not be
/// durable yet. Reading looks anew before it calls anything unreadable.
public final class RingInspection {
  /// One file of events.
  public struct SegmentSummary: Equatable, Sendable {
    /// Its name within ``RingInspection/directory``.
    public var name: String
    /// Rewritten without padding; otherwise a hot file, written block by block.
    public var isSealed: Bool
    /// Its first number.
    public var first: SequenceNumber
    /// The number after its last event; `first` where it holds none.
    public var end: SequenceNumber
    /// Size on disk.
    public var byteCount: Int
    /// Numbers in it that no gap record covers.
    public var eventCount: UInt64
  }

  /// Cursors, counters and bounds as the agent saved them last.
  public struct Account: Equatable, Sendable {
    /// The log that new events belong to.
    public var log: LogID
    /// Rises with each save.
    public var generation: UInt64
    /// Saved by an orderly stop.
    public var isClean: Bool
    /// The lowest number kept.
    public var floor: SequenceNumber
    /// The newest number known to be durable; 0 before the first.
    public var durable: SequenceNumber
    /// No number at or above it has been given to an event.
    public var reserved: SequenceNumber
    /// Every source that ever had an account here.
    public var sources: [SourceLedger]
    /// Each upstream with its cursor.
    public var upstreams: [UpstreamLedger]
    /// In log order.
    public var gaps: [GapRecord]

    init(_ state: State) {
      log = state.log
      generation = state.generation
      isClean = state.isClean
      floor = state.floor
      durable = state.durable
      reserved = state.reserved
      sources = state.sources
      upstreams = state.upstreams
      gaps = state.gaps.records
    }
  }

  /// Most directories tried beside rings of newer formats.
  private static let directoryCountMax = 16
  /// How often the state is read again when a live agent was writing it.
  private static let stateTryCountMax = 3

  let disk: any Disk
  let reader: SegmentReader
  let recallReader: SegmentReader
  /// `ring`, or `ring.1` and so on beside a ring of a newer format.
  public private(set) var directory = "ring"
  /// Nil when neither slot of the state file can be read.
  public var account: Account? { state.map(Account.init) }
  /// Bytes of all files in the directory, quarantine included.
  public private(set) var byteCount = 0
  /// What is there and not ours, or not right: one line each.
  public private(set) var remarks: [String] = []
  /// The number after the last event that is there, or is known to have been there.
  public internal(set) var end: SequenceNumber = 1

  private(set) var state: State?
  var segments: [Segment] = []
  var tailScan: TailScan?

  /// Looks into `disk`.
  ///
  /// - Parameter disk: the data directory; opened for inspection.
  /// - Throws: ``RingInspectionError``.
  public init(disk: any Disk) throws(RingInspectionError) {
    self.disk = disk
    reader = SegmentReader(disk: disk)
    recallReader = SegmentReader(disk: disk)
    recallReader.isForgiving = true
    // A look at the log tells what can be read now.
    reader.isForgiving = true
    try refresh()
  }

  deinit {
    reader.reset()
    recallReader.reset()
  }

  /// The gap records, empty where the state can't be read.
  var gaps: GapList { state?.gaps ?? GapList() }
  /// The lowest number kept.
  var floor: SequenceNumber { state?.floor ?? segments.first?.first ?? 1 }
  /// The lowest number that can be read.
  public var oldest: SequenceNumber { segments.first?.first ?? end }

  /// The files of events, in order of their numbers.
  public var segmentSummaries: [SegmentSummary] {
    segments.map { segment in
      let kept = gaps.uncovered(segment.first..<max(segment.first, min(segment.end, end)))
      return SegmentSummary(
        name: segment.name,
        isSealed: segment.isSealed,
        first: segment.first,
        end: kept.last?.upperBound ?? segment.first,
        byteCount: segment.byteCount,
        eventCount: kept.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) }
      )
    }
  }

  /// Looks at state and directory again.
  ///
  /// - Parameter isThorough: whether files that don't begin with a block are searched for one.
  /// - Throws: ``RingInspectionError``; the picture stays as it was then.
  public func refresh(isThorough: Bool = true) throws(RingInspectionError) {
    do throws(DiskError) {
      try look(isThorough: isThorough)
    } catch {
      throw error.errno == RingLog.noEntry ? absence : .disk(error)
    }
    guard state != nil || !segments.isEmpty else { throw absence }
  }

  /// Why there is no log of this version.
  private var absence: RingInspectionError { directory == "ring" ? .missing : .newer }

  private func look(isThorough: Bool) throws(DiskError) {
    let reading: StateFile.Reading
    (directory, reading) = try Self.choose(on: disk)
    remarks = reading == .damaged ? ["\(directory)/state can't be read"] : []
    var found: State?
    if case .state(let read) = reading { found = read }
    state = found
    let all = try survey(isThorough: isThorough)
    segments = Segment.arranged(all, floor: found?.floor ?? 1).kept
    findEnd()
  }

  /// The directory of the log that this version writes: `ring`, or one beside newer ones.
  public static func directory(on disk: any Disk) throws(DiskError) -> String {
    try choose(on: disk).directory
  }

  private static func choose(
    on disk: any Disk
  ) throws(DiskError) -> (directory: String, reading: StateFile.Reading) {
    var directory = "ring"
    var reading = StateFile.Reading.missing
    for index in 0..<directoryCountMax {
      directory = index == 0 ? "ring" : "ring.\(index)"
      reading = try readState(in: directory, on: disk)
      if reading != .newer { break }
    }
    return (directory, reading)
  }

  /// Both slots can be in motion at once only across two saves, so looking again helps.
  private static func readState(
    in directory: String,
    on disk: any Disk
  ) throws(DiskError) -> StateFile.Reading {
    var reading = StateFile.Reading.missing
    for _ in 0..<stateTryCountMax {
      var file = StateFile(disk: disk, directory: directory)
      reading = try file.read(isWritable: false)
      file.close()
      if reading != .damaged { break }
    }
    return reading
  }

  private func survey(isThorough: Bool) throws(DiskError) -> [Segment] {
    var found: [Segment] = []
    byteCount = 0
    for entry in try disk.list(directory).sorted(by: { $0.name < $1.name }) {
      byteCount += entry.byteCount
      if entry.name == "quarantine" && entry.kind == .directory {
        let files = try disk.list(directory + "/quarantine")
        byteCount += files.reduce(0) { $0 + $1.byteCount }
        if !files.isEmpty { remarks.append("\(files.count) unreadable files in quarantine") }
      } else if entry.kind != .file {
        remarks.append("\(entry.name) is no file")
      } else if Segment.hotIndex(entry.name) != nil {
        if let segment = hotSegment(entry, isThorough: isThorough) { found.append(segment) }
      } else if let range = Segment.sealedRange(entry.name) {
        found.append(Segment(entry, range, epoch: nil, wall: nil))
      } else if !Self.isKnown(entry.name) {
        remarks.append("\(entry.name) is not a file of ours")
      }
    }
    return found
  }

  private static func isKnown(_ name: String) -> Bool {
    ["state", "state.new", Sealer.temporaryName].contains(name) || RecordFile.isOwners(name)
  }

  /// Nil when it holds nothing, or is gone again.
  private func hotSegment(_ entry: DiskEntry, isThorough: Bool) -> Segment? {
    do throws(DiskError) {
      let file = try disk.open(directory + "/" + entry.name, isWritable: false)
      defer { disk.close(file) }
      let (header, isNewer, _) = try Segment.firstHeader(
        of: file,
        on: disk,
        byteCount: entry.byteCount,
        isThorough: isThorough
      )
      if isNewer { remarks.append("\(entry.name) has a newer format") }
      guard let header, !isNewer else { return nil }
      return Segment(entry, header.first..<header.end, epoch: header.epoch, wall: header.wall)
    } catch {
      if error.errno != RingLog.noEntry { remarks.append("\(error)") }
      return nil
    }
  }
}

extension Segment {
  /// A file found in the directory; it is sealed when it has no epoch.
  init(_ entry: DiskEntry, _ range: Range<SequenceNumber>, epoch: UInt64?, wall: Int64?) {
    self.init(
      name: entry.name,
      isSealed: epoch == nil,
      epoch: epoch,
      first: range.lowerBound,
      end: range.upperBound,
      byteCount: entry.byteCount,
      dataByteCount: entry.byteCount,
      payloadByteCount: nil,
      wall: wall
    )
  }
}
