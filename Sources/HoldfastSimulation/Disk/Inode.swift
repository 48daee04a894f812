internal import HoldfastEvent

/// A file, whatever its name: what is on the disk, and what the page cache shows.
final class Inode {
  var durable = SparseBytes() { didSet { knownHash = nil } }
  var cached = SparseBytes()
  /// Written since the last sync, in order.
  var pending: [PendingWrite] = []
  /// A sync failed: the cache shows bytes that no later sync will write.
  var hasLostWrites = false
  /// Whether a name leads to it, for the process.
  var isNamed = true

  /// The hash of the durable sectors, without the length's share, while it is known.
  private var knownHash: UInt64?

  init() {}

  /// A file as it was found after a power cut.
  init(durable bytes: SparseBytes, contentHash: UInt64) {
    durable = bytes
    cached = bytes
    knownHash = contentHash
  }

  /// The hash of the durable sectors, without the length's share.
  var contentHash: UInt64 {
    if let knownHash { return knownHash }
    let hash = durable.hash &- SparseBytes.hash(count: durable.count)
    knownHash = hash
    return hash
  }

  /// What a sync does.
  func persistAll() {
    if pending.isEmpty { return }
    if hasLostWrites {
      for write in pending { durable.write(write.bytes[...], at: write.offset) }
    } else {
      durable = cached
    }
    pending.removeAll(keepingCapacity: true)
  }
}

/// Bytes that the page cache holds and the disk may not.
struct PendingWrite {
  var offset: Int
  var bytes: [UInt8]
  /// The disk's operation that it was.
  var order: Int
}

/// A change of names that the disk may not have yet.
struct DirectoryOperation {
  enum Kind {
    case add(String, Inode)
    case remove(String)
    case rename(String, String, Inode)
  }

  var kind: Kind
  /// The disk's operation that it was.
  var order: Int

  init(_ kind: Kind, order: Int) {
    self.kind = kind
    self.order = order
  }

  /// Makes the change; one whose predecessors were lost makes what of it there is to make.
  func apply(to names: inout [String: Inode]) {
    switch kind {
    case .add(let name, let inode): names[name] = inode
    case .remove(let name): names[name] = nil
    case .rename(let name, let newName, let inode):
      names[name] = nil
      names[newName] = inode
    }
  }
}

extension SimulatedDisk {
  /// Whether some file shows bytes that a failed sync has left off the disk.
  var hasLostWrites: Bool { names.values.contains { $0.hasLostWrites } }

  /// Persists a random subset of the sectors that are pending, and forgets the rest.
  func persistSome(_ inode: Inode) {
    for write in inode.pending {
      var start = 0
      while start < write.bytes.count {
        let offset = write.offset + start
        let end = min(
          write.bytes.count,
          start + Self.sectorByteCount - offset % Self.sectorByteCount
        )
        if random.next() & 1 == 0 { inode.durable.write(write.bytes[start..<end], at: offset) }
        start = end
      }
    }
    inode.pending.removeAll()
  }

  /// The power fails: what is pending survives in part, every open file is gone.
  public func crash() {
    let kept =
      directoryOperations.isEmpty ? 0 : Int(random.next() % UInt64(directoryOperations.count + 1))
    for operation in directoryOperations.prefix(kept) { operation.apply(to: &durableNames) }
    directoryOperations.removeAll()
    // Sorted, so that the random choices fall the same way each time.
    for name in durableNames.keys.sorted() {
      guard let inode = durableNames[name] else { continue }
      // All, none, or any part: the whole is as likely as the rest together.
      switch random.next() % 3 {
      case 0: inode.pending.removeAll()
      case 1: inode.persistAll()
      default: persistSome(inode)
      }
      inode.cached = inode.durable
      inode.hasLostWrites = false
    }
    takeDurableNames()
    kill()
  }

  /// After a power cut the names on the disk are the names there are.
  func takeDurableNames() {
    names = durableNames
    byteCount = 0
    for inode in names.values {
      inode.isNamed = true
      byteCount += inode.cached.count
    }
  }
}
