import HoldfastRingLog

/// A disk that counts the pages of 4 KiB that each sync must bring to the device.
///
/// The process's own counters in /proc can't be used: a kernel with large folios counts a whole
/// folio for one page of it.
final class CountingDisk: Disk {
  private let base: any Disk
  private var dirtyPages: [DiskFile: Set<Int>] = [:]
  private(set) var writtenByteCount: UInt64 = 0

  init(_ base: any Disk) { self.base = base }

  func list(_ directory: String) throws(DiskError) -> [DiskEntry] { try base.list(directory) }

  func makeDirectory(_ name: String) throws(DiskError) { try base.makeDirectory(name) }

  func open(_ name: String, isWritable: Bool) throws(DiskError) -> DiskFile {
    try base.open(name, isWritable: isWritable)
  }

  func create(_ name: String) throws(DiskError) -> DiskFile { try base.create(name) }

  func byteCount(of file: DiskFile) throws(DiskError) -> Int { try base.byteCount(of: file) }

  func read(
    _ file: DiskFile,
    at offset: Int,
    count: Int,
    into buffer: inout [UInt8]
  ) throws(DiskError) {
    try base.read(file, at: offset, count: count, into: &buffer)
  }

  func write(_ file: DiskFile, at offset: Int, _ bytes: ArraySlice<UInt8>) throws(DiskError) {
    try base.write(file, at: offset, bytes)
    if bytes.isEmpty { return }
    for page in offset / 4096...(offset + bytes.count - 1) / 4096 {
      dirtyPages[file, default: []].insert(page)
    }
  }

  func sync(_ file: DiskFile) throws(DiskError) {
    try base.sync(file)
    writtenByteCount += UInt64(dirtyPages.removeValue(forKey: file)?.count ?? 0) * 4096
  }

  func close(_ file: DiskFile) {
    writtenByteCount += UInt64(dirtyPages.removeValue(forKey: file)?.count ?? 0) * 4096
    base.close(file)
  }

  func rename(_ name: String, to newName: String) throws(DiskError) {
    try base.rename(name, to: newName)
  }

  func remove(_ name: String) throws(DiskError) { try base.remove(name) }

  func syncDirectory(_ directory: String) throws(DiskError) {
    try base.syncDirectory(directory)
  }
}
