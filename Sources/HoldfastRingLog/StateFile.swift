internal import HoldfastEvent

/// The two-slot file `state`: a torn write spoils one slot, the other still holds what was before.
struct StateFile {
  private let disk: any Disk
  private let directory: String
  private var file: DiskFile?
  /// Whether the last ``read(isWritable:isForgiving:)`` found a slot that is neither good nor empty.
  private(set) var hasSpoiledSlot = false

  init(disk: any Disk, directory: String) {
    self.disk = disk
    self.directory = directory
  }

  private var name: String { directory + "/state" }
  private var newName: String { directory + "/state.new" }

  enum Reading: Equatable {
    case state(State)
    case newer
    /// There is a file, and neither slot can be read.
    case damaged
    case missing
  }

  /// The newer of the two slots.
  ///
  /// - Parameters:
  ///   - isWritable: false for a reader that will never write.
  ///   - isForgiving: a slot that can't be read counts as damaged; otherwise that is an error,
  ///     which may pass.
  /// - Throws: when the file is there and can't be read.
  /// - Returns: the slot with the higher generation, or why there is none.
  mutating func read(
    isWritable: Bool = true,
    isForgiving: Bool = true
  ) throws(DiskError) -> Reading {
    let opened: DiskFile
    do throws(DiskError) {
      opened = try disk.open(name, isWritable: isWritable)
    } catch {
      if error.errno == Self.noEntry { return .missing }
      throw error
    }
    var best: State?
    var isNewer = false
    for slot in 0..<2 {
      let bytes: [UInt8]
      do throws(DiskError) {
        bytes = try slotBytes(slot, of: opened)
      } catch {
        if isForgiving { continue }
        disk.close(opened)
        throw error
      }
      switch State.read(bytes[...]) {
      case .state(let state):
        if state.generation >= best?.generation ?? 0 { best = state }
      case .newer: isNewer = true
      case .nothing: if bytes.contains(where: { $0 != 0 }) { hasSpoiledSlot = true }
      }
    }
    if isNewer || best == nil { disk.close(opened) } else { file = opened }
    if isNewer { return .newer }
    return best.map { .state($0) } ?? .damaged
  }

  /// As much of a slot as its state takes: most of it is zeros.
  private func slotBytes(_ slot: Int, of file: DiskFile) throws(DiskError) -> [UInt8] {
    var bytes: [UInt8] = []
    let start = slot * State.slotByteCount
    try disk.read(file, at: start, count: Self.firstReadByteCount, into: &bytes)
    let needed = min(State.byteCount(of: bytes[...]), State.slotByteCount)
    if needed > bytes.count { try disk.read(file, at: start, count: needed, into: &bytes) }
    return bytes
  }

  /// Holds the state of a ring with few gap records.
  private static let firstReadByteCount = 4096

  /// Writes a state whose generation is one above the last written; durable on return.
  ///
  /// After a failure the slot's pages are in an unknown condition and are never synced again: the
  /// next write makes a new file and renames it into place.
  mutating func write(_ state: State) throws(DiskError) {
    guard let current = file else {
      try replace(with: state)
      return
    }
    do throws(DiskError) {
      let offset = Int(state.generation & 1) * State.slotByteCount
      try disk.write(current, at: offset, state.encoded[...])
      try disk.sync(current)
    } catch {
      close()
      throw error
    }
  }

  private mutating func replace(with state: State) throws(DiskError) {
    do throws(DiskError) { try disk.remove(newName) } catch {
      // Most often it is not there; whatever else is wrong, `create` will say so.
    }
    let created = try disk.create(newName)
    do throws(DiskError) {
      // Written through once, so that later writes need no new blocks of a full disk.
      let zeros = [UInt8](repeating: 0, count: State.slotByteCount)
      for slot in 0..<2 { try disk.write(created, at: slot * State.slotByteCount, zeros[...]) }
      let offset = Int(state.generation & 1) * State.slotByteCount
      try disk.write(created, at: offset, state.encoded[...])
      try disk.sync(created)
      try disk.rename(newName, to: name)
      try disk.syncDirectory(directory)
    } catch {
      disk.close(created)
      do throws(DiskError) { try disk.remove(newName) } catch {
        // It has its final name already, or the next write removes it.
      }
      throw error
    }
    file = created
  }

  mutating func close() {
    if let file { disk.close(file) }
    file = nil
  }

  /// ENOENT.
  private static let noEntry: Int32 = 2
}
