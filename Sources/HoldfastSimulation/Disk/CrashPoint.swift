/// One moment at which the power may fail, and every disk that it may leave.
///
/// What is pending is a row of items in the order in which the process made them: changed sectors,
/// grown file sizes, changed names. A power cut keeps any subset of them. That is more than most
/// file systems do (they keep the order of names), so code that stands it stands those as well.
/// A subset is an array of flags, one per item; equal disks have equal hashes.
struct CrashPoint {
  /// What a power cut may or may not keep.
  enum Item {
    /// The sector of file `file`; `cell` numbers sectors, as one may be pending more than once.
    case sector(file: Int, cell: Int, index: Int, image: ArraySlice<UInt8>, end: Int)
    /// The size of file `file`: what lies in between is zeros, unless its sectors were kept too.
    case size(file: Int, byteCount: Int)
    /// An entry of the directory.
    case name(DirectoryOperation)
  }

  private struct File {
    var inode: Inode
    /// The hash of its sectors without the length's share.
    var contentHash: UInt64
  }

  private struct Cell {
    var file: Int
    /// Its share of the file's hash while none of its versions is kept.
    var durableHash: UInt64
  }

  private(set) var items: [Item] = []
  /// For each item its share of the file's hash; 0 for anything but sectors.
  private var shares: [UInt64] = []
  private var files: [File] = []
  private var cells: [Cell] = []
  private let names: [(name: String, hash: UInt64, file: Int)]
  private let directories: Set<String>

  /// The moment as it stands on `disk`.
  init(_ disk: SimulatedDisk) {
    directories = disk.directories
    var places: [ObjectIdentifier: Int] = [:]
    var files: [File] = []
    func place(_ inode: Inode) -> Int {
      if let known = places[ObjectIdentifier(inode)] { return known }
      places[ObjectIdentifier(inode)] = files.count
      files.append(File(inode: inode, contentHash: inode.contentHash))
      return files.count - 1
    }
    names = disk.durableNames.sorted { $0.key < $1.key }.map {
      ($0.key, Self.hash($0.key), place($0.value))
    }
    var ordered: [(order: Int, item: Item, share: UInt64)] = []
    for operation in disk.directoryOperations {
      switch operation.kind {
      case .add(_, let inode), .rename(_, _, let inode): _ = place(inode)
      case .remove: break
      }
      ordered.append((operation.order, .name(operation), 0))
    }
    self.files = files
    for file in files.indices { ordered += pendingItems(of: file) }
    // Stable: items of one operation stay in their order.
    let sorted = ordered.enumerated().sorted {
      ($0.element.order, $0.offset) < ($1.element.order, $1.offset)
    }
    items = sorted.map(\.element.item)
    shares = sorted.map(\.element.share)
  }

  /// The sectors of a file that differ from what is on the disk, and its size.
  private mutating func pendingItems(
    of file: Int
  ) -> [(order: Int, item: Item, share: UInt64)] {
    let inode = files[file].inode
    var found: [(order: Int, item: Item, share: UInt64)] = []
    var image = inode.durable
    var known: [Int: (cell: Int, share: UInt64)] = [:]
    for write in inode.pending where !write.bytes.isEmpty {
      let before = image.count
      image.write(write.bytes[...], at: write.offset)
      let last = (write.offset + write.bytes.count - 1) / SparseBytes.sectorByteCount
      for index in write.offset / SparseBytes.sectorByteCount...last {
        let bytes = image.sector(index)
        let share = SparseBytes.sectorHash(bytes, at: index)
        let durableShare = SparseBytes.sectorHash(inode.durable.sector(index), at: index)
        let earlier = known[index]
        if share == earlier?.share ?? durableShare { continue }
        let cell = earlier?.cell ?? cells.count
        if earlier == nil { cells.append(Cell(file: file, durableHash: durableShare)) }
        known[index] = (cell, share)
        let end = min(image.count, (index + 1) * SparseBytes.sectorByteCount)
        let item = Item.sector(file: file, cell: cell, index: index, image: bytes, end: end)
        found.append((write.order, item, share))
      }
      if image.count > max(before, inode.durable.count) {
        found.append((write.order, .size(file: file, byteCount: image.count), 0))
      }
    }
    return found
  }

  /// A hash of the disk that the subset leaves: names, sizes and contents.
  func hash(keeping kept: [Bool]) -> UInt64 {
    var contents = files.map(\.contentHash)
    var counts = files.map(\.inode.durable.count)
    var current = cells.map(\.durableHash)
    var hashes: [UInt64] = []
    var changed: [DirectoryOperation] = []
    for (place, item) in items.enumerated() where kept[place] {
      switch item {
      case .sector(let file, let cell, _, _, let end):
        contents[file] = contents[file] &- current[cell] &+ shares[place]
        current[cell] = shares[place]
        counts[file] = max(counts[file], end)
      case .size(let file, let byteCount): counts[file] = max(counts[file], byteCount)
      case .name(let operation): changed.append(operation)
      }
    }
    for file in files.indices {
      hashes.append(
        SparseBytes.mixed(contents[file] &+ SparseBytes.hash(count: counts[file]))
      )
    }
    if changed.isEmpty {
      return names.reduce(0) { $0 &+ SparseBytes.mixed($1.hash ^ hashes[$1.file]) }
    }
    var sum: UInt64 = 0
    for (name, inode) in inodes(after: changed) {
      let file = files.firstIndex { $0.inode === inode } ?? 0
      sum &+= SparseBytes.mixed(Self.hash(name) ^ hashes[file])
    }
    return sum
  }

  private func inodes(after changed: [DirectoryOperation]) -> [String: Inode] {
    var inodes: [String: Inode] = [:]
    for entry in names { inodes[entry.name] = files[entry.file].inode }
    for operation in changed { operation.apply(to: &inodes) }
    return inodes
  }

  /// The disk that the subset leaves.
  func disk(keeping kept: [Bool]) -> SimulatedDisk {
    var contents = files.map(\.inode.durable)
    var hashes = files.map(\.contentHash)
    var current = cells.map(\.durableHash)
    var changed: [DirectoryOperation] = []
    for (place, item) in items.enumerated() where kept[place] {
      switch item {
      case .sector(let file, let cell, let index, let image, let end):
        hashes[file] = hashes[file] &- current[cell] &+ shares[place]
        current[cell] = shares[place]
        let start = index * SparseBytes.sectorByteCount
        contents[file].write(image.prefix(end - start), at: start)
      case .size(let file, let byteCount): contents[file].grow(to: byteCount)
      case .name(let operation): changed.append(operation)
      }
    }
    let disk = SimulatedDisk(seed: 1)
    disk.directories = directories
    if changed.isEmpty {
      for entry in names {
        disk.durableNames[entry.name] = Inode(
          durable: contents[entry.file],
          contentHash: hashes[entry.file]
        )
      }
    } else {
      for (name, inode) in inodes(after: changed) {
        let file = files.firstIndex { $0.inode === inode } ?? 0
        disk.durableNames[name] = Inode(
          durable: contents[file],
          contentHash: hashes[file]
        )
      }
    }
    disk.takeDurableNames()
    return disk
  }

  private static func hash(_ name: String) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    return SparseBytes.mixed(hash)
  }

  /// The item in words, for whoever replays a failure.
  func text(_ place: Int) -> String {
    switch items[place] {
    case .sector(let file, _, let index, _, _): "sector \(index) of \(name(of: file))"
    case .size(let file, let byteCount): "\(name(of: file)) grown to \(byteCount)"
    case .name(let operation):
      switch operation.kind {
      case .add(let name, _): "new \(name)"
      case .remove(let name): "no \(name)"
      case .rename(let name, let newName, _): "\(name) now \(newName)"
      }
    }
  }

  private func name(of file: Int) -> String {
    if let known = names.first(where: { $0.file == file }) { return known.name }
    for case .name(let operation) in items {
      switch operation.kind {
      case .add(let name, let inode) where inode === files[file].inode: return name
      case .rename(_, let name, let inode) where inode === files[file].inode: return name
      default: continue
      }
    }
    return "file \(file)"
  }
}

extension SimulatedDisk {
  /// Whether a power cut could lose anything.
  var hasPending: Bool {
    !directoryOperations.isEmpty || names.values.contains { !$0.pending.isEmpty }
  }

  /// A disk of its own with the same durable bytes and names, as if the power had failed now and
  /// nothing pending were kept.
  ///
  /// - Complexity: O(files); bytes are shared until one of the two writes.
  public func fork() -> SimulatedDisk {
    let point = CrashPoint(self)
    return point.disk(keeping: [Bool](repeating: false, count: point.items.count))
  }
}
