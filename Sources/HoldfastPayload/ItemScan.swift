/// How a format of binary items (CBOR, MessagePack) writes the head of an item.
protocol ItemFormat {
  /// Reads the head at `position`, which then stands at the item's content; that lies within
  /// `bytes`, but for the items of an array or a map.
  static func head(
    _ bytes: UnsafeRawBufferPointer,
    _ position: inout Int
  ) throws(PayloadFault) -> ItemHead
}

/// What stands before an item's content.
struct ItemHead {
  enum Kind {
    case null, boolean, number, text, bytes, array, map
    /// Content without a meaning here.
    case opaque
    /// Ends what has no length of its own.
    case stop
  }

  var kind: Kind
  /// Of a number or a boolean its value.
  var number = 0.0
  /// Of a whole number what it is.
  var whole: WholeNumber?
  /// Bytes of content; of an array its items, of a map its pairs.
  var count = 0
  /// Whether it lasts up to a stop.
  var isOpen = false
  /// Whether tags stand before it.
  var isTagged = false

  static let null = ItemHead(kind: .null)

  static func boolean(_ value: Bool) -> ItemHead {
    ItemHead(kind: .boolean, number: value ? 1 : 0)
  }

  /// A whole number, whose `count` bytes are its content.
  static func whole(_ isNegative: Bool, _ magnitude: UInt64, _ count: Int) -> ItemHead {
    let whole = WholeNumber(isNegative: isNegative, magnitude: magnitude)
    return ItemHead(kind: .number, number: whole.rounded, whole: whole, count: count)
  }
}

/// Reads fields out of binary items.
@safe
struct ItemScan<Format: ItemFormat> {
  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  private init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = bytes }

  /// Reads one payload.
  static func run(
    _ bytes: UnsafeRawBufferPointer,
    _ found: inout Findings
  ) throws(PayloadFault) {
    var scan = unsafe ItemScan(bytes)
    let head = try unsafe Format.head(bytes, &scan.position)
    try scan.item(head, 0, depth: 0, &found)
    if !found.isSettled, scan.position < bytes.count { throw .trailing }
  }

  /// What stands for a node that nobody wants.
  private var nobody: Int { -1 }

  /// An item behind its head, with all that is in it.
  private mutating func item(
    _ head: ItemHead,
    _ node: Int,
    depth: Int,
    _ found: inout Findings
  ) throws(PayloadFault) {
    var kind = Field.Kind.composite
    var range = position..<position
    switch head.kind {
    case .stop: throw .malformed
    case .array, .map:
      if depth >= depthMax { throw .tooDeep }
      if head.kind == .map {
        range = position..<(try members(head, node, depth: depth + 1, &found))
      } else {
        range = position..<(try elements(head, node, depth: depth + 1, &found))
      }
      if found.isSettled { return }
    case .text, .bytes:
      let whole = try text(head)
      range = whole ?? range.lowerBound..<position
      kind = whole == nil ? .composite : .text
    case .null, .boolean, .number, .opaque:
      position += head.count
      range = range.lowerBound..<position
      kind = Self.kind(of: head)
    }
    if node == nobody { return }
    found.settle(node, as: Field(kind: kind, number: head.number, range: range))
    found.close(node)
  }

  private static func kind(of head: ItemHead) -> Field.Kind {
    switch head.kind {
    case .null: .null
    case .boolean: .boolean
    case .number: .number
    default: .composite
    }
  }

  /// Where an array's content ends.
  private mutating func elements(
    _ head: ItemHead,
    _ node: Int,
    depth: Int,
    _ found: inout Findings
  ) throws(PayloadFault) -> Int {
    var index = 0
    while head.isOpen || index < head.count {
      let contentEnd = position
      let element = try unsafe Format.head(bytes, &position)
      if head.isOpen, element.kind == .stop { return contentEnd }
      let child = node == nobody ? 0 : found.child(of: node, index: index)
      try item(element, child == 0 ? nobody : child, depth: depth, &found)
      if found.isSettled { break }
      index += 1
    }
    return position
  }

  /// Where a map's content ends.
  private mutating func members(
    _ head: ItemHead,
    _ node: Int,
    depth: Int,
    _ found: inout Findings
  ) throws(PayloadFault) -> Int {
    var index = 0
    while head.isOpen || index < head.count {
      let contentEnd = position
      let key = try unsafe Format.head(bytes, &position)
      if head.isOpen, key.kind == .stop { return contentEnd }
      let child = try child(of: node, key, depth: depth, &found)
      let value = try unsafe Format.head(bytes, &position)
      try item(value, child == 0 ? nobody : child, depth: depth, &found)
      if found.isSettled { break }
      index += 1
    }
    return position
  }

  /// The node that a key leads to; the key is passed.
  private mutating func child(
    of node: Int,
    _ key: ItemHead,
    depth: Int,
    _ found: inout Findings
  ) throws(PayloadFault) -> Int {
    if node != nobody, key.kind == .text {
      guard let range = try text(key) else { return 0 }
      return unsafe found.child(of: node, bytes, range)
    }
    try item(key, nobody, depth: depth, &found)
    guard node != nobody, let whole = key.whole else { return 0 }
    return found.child(of: node, number: whole)
  }

  /// Where the bytes of a string lie; nil if they lie in several pieces.
  private mutating func text(_ head: ItemHead) throws(PayloadFault) -> Range<Int>? {
    let start = position
    if !head.isOpen {
      position += head.count
      return start..<position
    }
    var whole: Range<Int>? = start..<start
    var chunkCount = 0
    while true {
      let chunk = try unsafe Format.head(bytes, &position)
      if chunk.kind == .stop { return whole }
      guard chunk.kind == head.kind, !chunk.isOpen, !chunk.isTagged else { throw .malformed }
      if chunk.count > 0 {
        whole = chunkCount == 0 ? position..<position + chunk.count : nil
        chunkCount += 1
      }
      position += chunk.count
    }
  }
}
