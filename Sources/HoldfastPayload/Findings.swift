/// What was found of a scanner's paths while one payload is read.
///
/// A node is entered at the first place that its key or index names, and closed behind the value
/// there: then all paths through it are settled, found or not, and a second member with the same
/// key counts no more.
struct Findings {
  private let nodes: [PathTree.Node]
  private let keys: [UInt8]
  /// One for each path.
  private var fields: [Field]
  /// Bit n: path n is not settled yet.
  private var pending: UInt32
  /// Bit n: path n has a value that another one may take the place of.
  private var provisional: UInt32 = 0

  /// Nothing found yet.
  init(_ tree: PathTree, fields: consuming [Field]) {
    nodes = tree.nodes
    keys = tree.keys
    self.fields = fields
    pending = tree.nodes[0].through
  }

  /// The fields; none are left behind.
  mutating func takeFields() -> [Field] {
    var taken: [Field] = []
    swap(&taken, &fields)
    return taken
  }

  /// Whether nothing is left to look for.
  var isSettled: Bool { pending == 0 }

  /// Whether a path through the node is not settled.
  func wants(_ node: Int) -> Bool { nodes[node].through & pending != 0 }

  /// Whether a path not yet settled ends at the node.
  func endsAt(_ node: Int) -> Bool { nodes[node].ends & pending != 0 }

  /// The paths that end at a node have this value.
  mutating func settle(_ node: Int, as field: Field) {
    var ends = nodes[node].ends & pending
    while ends != 0 {
      fields[ends.trailingZeroBitCount] = field
      ends &= ends &- 1
    }
  }

  /// As ``settle(_:as:)``, unless the path has a value already.
  mutating func settleIfMissing(_ node: Int, as field: Field) {
    var ends = nodes[node].ends & pending
    while ends != 0 {
      let path = ends.trailingZeroBitCount
      if fields[path].kind == .missing { fields[path] = field }
      ends &= ends &- 1
    }
  }

  /// As ``settleIfMissing(_:as:)``; the value goes with ``dropProvisional()`` or ``settle(_:as:)``.
  mutating func settleProvisionally(_ node: Int, as field: Field) {
    // What an earlier one has left missing stays missing: it is not taken from another.
    var ends = nodes[node].ends & pending & ~provisional
    provisional |= ends
    while ends != 0 {
      let path = ends.trailingZeroBitCount
      if fields[path].kind == .missing { fields[path] = field }
      ends &= ends &- 1
    }
  }

  /// What was settled provisionally, and by nothing else, is missing.
  mutating func dropProvisional() {
    var paths = provisional & pending
    while paths != 0 {
      fields[paths.trailingZeroBitCount] = .missing
      paths &= paths &- 1
    }
  }

  /// All paths through the node are settled.
  ///
  /// The root stays open: a payload that was read to its end is also held to end there.
  mutating func close(_ node: Int) {
    if node != 0 { pending &= ~nodes[node].through }
  }

  /// The child that the key in `bytes` leads to, while something is wanted there; 0 if none.
  @inline(__always)
  func child(of parent: Int, _ bytes: UnsafeRawBufferPointer, _ key: Range<Int>) -> Int {
    var node = nodes[parent].firstChild
    while node != 0 {
      if nodes[node].keyByteCount == key.count, wants(node),
        unsafe isKey(of: node, bytes, key.lowerBound)
      {
        return node
      }
      node = nodes[node].sibling
    }
    return 0
  }

  /// The child that an index leads to, while something is wanted there; 0 if none.
  @inline(__always)
  func child(of parent: Int, index: Int) -> Int {
    var node = nodes[parent].firstChild
    while node != 0 {
      if nodes[node].index == index, wants(node) { return node }
      node = nodes[node].sibling
    }
    return 0
  }

  /// The child whose key is the number in decimal, while something is wanted there; 0 if none.
  func child(of parent: Int, number: WholeNumber) -> Int {
    first(of: parent) { $0.number == number }
  }

  /// The child whose key is `alias:` and the number, while something is wanted there; 0 if none.
  func child(of parent: Int, alias: UInt64) -> Int { first(of: parent) { $0.alias == alias } }

  /// The child with a key that comes byte by byte, while something is wanted there; 0 if none.
  func child(of parent: Int, _ characters: some Sequence<UInt8>) -> Int {
    var node = nodes[parent].firstChild
    while node != 0 {
      let start = nodes[node].keyOffset
      if nodes[node].keyByteCount >= 0, wants(node),
        keys[start..<start + nodes[node].keyByteCount].elementsEqual(characters)
      {
        return node
      }
      node = nodes[node].sibling
    }
    return 0
  }

  private func first(of parent: Int, where isRight: (PathTree.Node) -> Bool) -> Int {
    var node = nodes[parent].firstChild
    while node != 0 {
      if isRight(nodes[node]), wants(node) { return node }
      node = nodes[node].sibling
    }
    return 0
  }

  /// Whether the node's key stands at `offset`; it has been seen to fit.
  @inline(__always)
  private func isKey(of node: Int, _ bytes: UnsafeRawBufferPointer, _ offset: Int) -> Bool {
    let start = nodes[node].keyOffset
    for place in 0..<nodes[node].keyByteCount
    where (unsafe bytes[offset + place]) != keys[start + place] {
      return false
    }
    return true
  }
}
