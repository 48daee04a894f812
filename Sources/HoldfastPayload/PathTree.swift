/// The paths of a scanner as one tree, so that a payload is read once for all of them.
struct PathTree: Sendable {
  /// A step of one or more paths.
  struct Node: Sendable {
    /// Where its key stands in ``PathTree/keys``.
    var keyOffset = 0
    /// Of a key its bytes; -1 of an index.
    var keyByteCount = -1
    /// Of an index which; otherwise -1.
    var index = -1
    /// Its first child and its next sibling; 0 where there is none, as the root is neither.
    var firstChild = 0
    var sibling = 0
    /// Bit n: path n ends here or further down.
    var through: UInt32 = 0
    /// Bit n: path n ends here.
    var ends: UInt32 = 0
    /// What a key that is a whole number in decimal says (for keys that are no text).
    var number: WholeNumber?
    /// The number behind `alias:` (Sparkplug).
    var alias: UInt64?
  }

  private(set) var nodes = [Node()]
  private(set) var keys: [UInt8] = []

  /// Of the first 32 paths.
  init(_ paths: [FieldPath]) {
    for (place, path) in paths.prefix(FieldScanner.pathCountMax).enumerated() {
      let bit = UInt32(1) << UInt32(place)
      var node = 0
      nodes[node].through |= bit
      for step in path.steps {
        node = child(of: node, step) ?? add(step, to: node)
        nodes[node].through |= bit
      }
      nodes[node].ends |= bit
    }
  }

  private func child(of parent: Int, _ step: FieldPath.Step) -> Int? {
    var node = nodes[parent].firstChild
    while node != 0 {
      switch step {
      case .index(let index): if nodes[node].index == index { return node }
      case .key(let key): if nodes[node].index < 0, key[...] == self.key(of: node) { return node }
      }
      node = nodes[node].sibling
    }
    return nil
  }

  private mutating func add(_ step: FieldPath.Step, to parent: Int) -> Int {
    var node = Node()
    switch step {
    case .index(let index): node.index = index
    case .key(let key):
      node.keyOffset = keys.count
      node.keyByteCount = key.count
      node.number = WholeNumber(key[...])
      let prefix = Array("alias:".utf8)
      if key.starts(with: prefix), let alias = WholeNumber(key.dropFirst(prefix.count)) {
        node.alias = alias.isNegative ? nil : alias.magnitude
      }
      keys += key
    }
    node.sibling = nodes[parent].firstChild
    nodes.append(node)
    nodes[parent].firstChild = nodes.count - 1
    return nodes.count - 1
  }

  /// The key that leads to a node.
  func key(of node: Int) -> ArraySlice<UInt8> {
    let start = nodes[node].keyOffset
    return keys[start..<start + max(0, nodes[node].keyByteCount)]
  }
}

/// A whole number as CBOR and MessagePack have them: 64 bits and a sign.
struct WholeNumber: Equatable, Sendable {
  var isNegative: Bool
  /// Of a negative number what lies below -1, so that -2^64 has its place too.
  var magnitude: UInt64

  /// Made of its parts.
  init(isNegative: Bool, magnitude: UInt64) {
    self.isNegative = isNegative
    self.magnitude = magnitude
  }

  /// Of its decimal digits, written the one usual way; nil for any other text.
  init?(_ text: ArraySlice<UInt8>) {
    let isNegative = text.first == UInt8(ascii: "-")
    let digits = isNegative ? text.dropFirst() : text
    guard let first = digits.first, first != 0x30 || (text.count == 1) else { return nil }
    var value: UInt64 = 0
    // -2^64 would not fit before the one is taken off; no key is that number.
    for digit in digits {
      guard (0x30...0x39).contains(digit) else { return nil }
      let (product, overflows) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflowsToo) = product.addingReportingOverflow(UInt64(digit - 0x30))
      if overflows || overflowsToo { return nil }
      value = sum
    }
    self.init(isNegative: isNegative, magnitude: isNegative ? value &- 1 : value)
  }

  /// Rounded to a double.
  var rounded: Double {
    if !isNegative { return Double(magnitude) }
    return magnitude == .max ? -0x1p64 : -Double(magnitude + 1)
  }
}
