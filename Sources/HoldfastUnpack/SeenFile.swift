internal import HoldfastRingLog

/// Keeps on disk what was passed on, so that it is known after a restart.
///
/// A ``RecordFile``: first all that is known, then one record for each save. A record that a crash
/// cut short was not durable, so nothing that it says was acknowledged. When the records outgrow
/// the bound below, the file is replaced by one with all that is known, as it is at each start and
/// after a failed save.
struct SeenFile {
  /// The directory in the data directory, and the file in it.
  static let directory = "unpack"
  static let name = "unpack/seen"
  /// Bytes of records behind the first before the file is written anew; and as many as the first
  /// one has, so that writing anew at most doubles what is written.
  static let growthByteCountMin = 1 << 20
  private let disk: any Disk
  private var file: RecordFile
  private(set) var seen: SeenTable
  /// Since the last save.
  private var added = SeenTable()
  private var baseByteCount = 0
  private var growthByteCount = 0
  /// Whether the next save has to write everything.
  private var needsReplacement = true
  /// What a start has to say about the file; empty when all is well.
  private(set) var remark = ""

  init(disk: any Disk, memoryByteCountMax: Int) {
    self.disk = disk
    // No table takes more bytes in the file than in memory.
    let byteCountMax = 2 * memoryByteCountMax + Self.growthByteCountMin
    file = RecordFile(disk: disk, name: Self.name, byteCountMax: byteCountMax)
    seen = SeenTable(memoryByteCountMax: memoryByteCountMax)
  }

  /// Reads what an earlier run has left, and writes it anew.
  ///
  /// Damage costs knowledge only: what isn't known is passed on again.
  mutating func open() throws(DiskError) {
    try disk.makeDirectory(Self.directory)
    let storedByteCount = file.storedByteCount()
    let reader = RecordFile(disk: disk, name: Self.name, byteCountMax: storedByteCount)
    var goodByteCount = 0
    var isReadable = true
    for record in try reader.records() {
      isReadable = isReadable && seen.insert(encoded: record)
      goodByteCount += record.count + RecordFile.headerByteCount
    }
    if !isReadable {
      remark = "\(Self.name) was written by another version: events of before may be repeated"
    } else if goodByteCount < storedByteCount {
      remark =
        "\(storedByteCount - goodByteCount) bytes at the end of \(Self.name) can't be read, as"
        + " after a crash: what they tell may be repeated"
    }
    try save()
  }

  mutating func insert(_ identity: EventIdentity) {
    seen.insert(identity)
    added.insert(identity)
  }

  /// Whether something is known that is not durable.
  var needsSave: Bool { !added.isEmpty }

  /// Makes all that is known durable.
  mutating func save() throws(DiskError) {
    if !needsReplacement {
      if added.isEmpty { return }
      let record = added.encoded
      growthByteCount += record.count + RecordFile.headerByteCount
      if growthByteCount <= max(Self.growthByteCountMin, baseByteCount), file.append(record) {
        added = SeenTable()
        return
      }
    }
    // After a failed append nobody knows what the disk has; so everything goes elsewhere.
    needsReplacement = true
    let record = seen.encoded
    try file.replace(with: [record[...]])
    needsReplacement = false
    baseByteCount = record.count
    growthByteCount = 0
    added = SeenTable()
  }
}
