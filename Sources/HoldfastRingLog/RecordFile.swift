internal import HoldfastCodec

/// A small append-only file of checksummed records, bounded in bytes.
///
/// Record: `u32 byte count | u32 CRC-32C | bytes`, little endian. Reading ends at the first record
/// that is cut short or damaged; appending goes on behind the last good one.
public struct RecordFile {
  /// Bytes before each record.
  public static let headerByteCount = 8

  /// What the names of dead-letter files begin with, after the log's directory.
  public static let deadLetterPrefix = "dead-letter-"
  /// What the names of files with the state of stages begin with, after the log's directory.
  public static let stagesPrefix = "stages-"
  /// The file of protocol versions, in the log's directory.
  public static let protocolName = "protocol-versions"

  /// Whether a file of that name in the log's directory is one of the log's owner's.
  static func isOwners(_ name: String) -> Bool {
    name.hasPrefix(deadLetterPrefix) || name.hasPrefix(stagesPrefix)
      || name == protocolName || name == protocolName + ".new"
  }

  private let disk: any Disk
  private let name: String
  private let byteCountMax: Int
  private var end: Int?

  /// - Parameters:
  ///   - disk: where it lies.
  ///   - name: its name.
  ///   - byteCountMax: most bytes it may have.
  public init(disk: any Disk, name: String, byteCountMax: Int) {
    self.disk = disk
    self.name = name
    self.byteCountMax = byteCountMax
  }

  /// Appends a record durably; false, and nothing kept, when it does not fit or the disk fails.
  public mutating func append(_ record: [UInt8]) -> Bool {
    var bytes: [UInt8] = []
    bytes.appendFixed(UInt32(truncatingIfNeeded: record.count))
    bytes.appendFixed(crc32c(record[...]))
    bytes.append(contentsOf: record)
    do throws(DiskError) {
      let file = try open()
      defer { disk.close(file) }
      var start = 0
      if let end { start = end } else { start = Self.goodByteCount(try contents(of: file)) }
      guard start + bytes.count <= byteCountMax else { return false }
      end = nil
      try disk.write(file, at: start, bytes[...])
      try disk.sync(file)
      end = start + bytes.count
      return true
    } catch {
      end = nil
      return false
    }
  }

  /// Keeps only these records, all or none of the change durably.
  public mutating func replace(with records: [ArraySlice<UInt8>]) throws(DiskError) {
    var bytes: [UInt8] = []
    for record in records {
      bytes.appendFixed(UInt32(truncatingIfNeeded: record.count))
      bytes.appendFixed(crc32c(record))
      bytes.append(contentsOf: record)
    }
    end = nil
    let newName = name + ".new"
    do throws(DiskError) { try disk.remove(newName) } catch {
      // Most often it is not there; whatever else is wrong, `create` will say so.
    }
    let file = try disk.create(newName)
    defer { disk.close(file) }
    if !bytes.isEmpty { try disk.write(file, at: 0, bytes[...]) }
    try disk.sync(file)
    try disk.rename(newName, to: name)
    try disk.syncDirectory(String(name.prefix { $0 != "/" }))
    end = bytes.count
  }

  /// Bytes on disk of the file, and of what a `replace` that never ended has left beside it.
  ///
  /// A start counts both towards the ring's bound; the next `replace` leaves one of them.
  public func storedByteCount() -> Int {
    var sum = 0
    for name in [name, name + ".new"] {
      guard let file = try? disk.open(name, isWritable: false) else { continue }
      sum += (try? disk.byteCount(of: file)) ?? 0
      disk.close(file)
    }
    return sum
  }

  private func open() throws(DiskError) -> DiskFile {
    do throws(DiskError) {
      return try disk.open(name, isWritable: true)
    } catch {
      guard error.errno == RingLog.noEntry else { throw error }
      let file = try disk.create(name)
      try disk.syncDirectory(String(name.prefix { $0 != "/" }))
      return file
    }
  }

  private func contents(of file: DiskFile) throws(DiskError) -> [UInt8] {
    var bytes: [UInt8] = []
    try disk.read(file, at: 0, count: byteCountMax, into: &bytes)
    return bytes
  }

  /// The records that can be read; empty when there is no file.
  public func records() throws(DiskError) -> [ArraySlice<UInt8>] {
    let file: DiskFile
    do throws(DiskError) {
      file = try disk.open(name, isWritable: false)
    } catch {
      if error.errno == RingLog.noEntry { return [] }
      throw error
    }
    defer { disk.close(file) }
    return Self.records(in: try contents(of: file))
  }

  private static func records(in bytes: [UInt8]) -> [ArraySlice<UInt8>] {
    var reader = ByteReader(bytes[...])
    var records: [ArraySlice<UInt8>] = []
    while let count: UInt32 = reader.fixed(), count > 0, let checksum: UInt32 = reader.fixed(),
      let record = reader.take(Int(clamping: count)), crc32c(record) == checksum
    {
      records.append(record)
    }
    return records
  }

  private static func goodByteCount(_ bytes: [UInt8]) -> Int {
    records(in: bytes).reduce(0) { $0 + 8 + $1.count }
  }
}
