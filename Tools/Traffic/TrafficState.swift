import Glibc

/// What a publisher has sent: the fleet, and per topic how far it got.
///
/// A small text file. Counters of a topic begin at 1. All up to `acknowledged` have a PUBACK;
/// those above it, up to `published`, may have arrived or not.
struct TrafficState {
  private static let header = "traffic-state 1"

  var fleet: Fleet
  var acknowledged: [Int]
  var published: [Int]

  init(fleet: Fleet) {
    self.fleet = fleet
    acknowledged = Array(repeating: 0, count: fleet.topicCount)
    published = acknowledged
  }

  /// Nil where there is no such file.
  init?(path: String) throws {
    guard let text = try readFile(path) else { return nil }
    var lines = text.split(separator: "\n")
    guard lines.count >= 2, lines[0] == Self.header else {
      throw TrafficError("\(path): not a traffic state file")
    }
    let fields = lines[1].split(separator: " ")
    guard fields.count == 4, let seed = UInt64(fields[0]), let count = Int(fields[1]),
      let kind = Fleet.Kind(rawValue: String(fields[2])), let padding = Int(fields[3]),
      (1...10_000_000).contains(count)
    else { throw TrafficError("\(path), line 2: not a fleet") }
    self.init(fleet: Fleet(seed: seed, topicCount: count, kind: kind, padding: padding))
    lines.removeFirst(2)
    for line in lines {
      let numbers = line.split(separator: " ").compactMap { Int($0) }
      guard numbers.count == 3, acknowledged.indices.contains(numbers[0]) else {
        throw TrafficError("\(path): bad line '\(line)'")
      }
      acknowledged[numbers[0]] = numbers[1]
      published[numbers[0]] = numbers[2]
    }
  }

  func write(to path: String) throws {
    var text = Self.header + "\n"
    text += "\(fleet.seed) \(fleet.topicCount) \(fleet.kind.rawValue) \(fleet.padding)\n"
    for index in published.indices where published[index] > 0 {
      text += "\(index) \(acknowledged[index]) \(published[index])\n"
    }
    try writeFile(path, text)
  }
}

/// The text of a file, nil where there is none.
func readFile(_ path: String) throws -> String? {
  guard let file = fopen(path, "r") else {
    if errno == ENOENT { return nil }
    throw TrafficError("\(path): \(String(cString: strerror(errno)))")
  }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = fread(&chunk, 1, chunk.count, file)
    if count == 0 { break }
    bytes += chunk[..<count]
  }
  return String(decoding: bytes, as: UTF8.self)
}

/// Replaces a file as a whole, so that a reader never sees half of it.
func writeFile(_ path: String, _ text: String) throws {
  let temporary = path + ".new"
  guard let file = fopen(temporary, "w") else {
    throw TrafficError("\(temporary): \(String(cString: strerror(errno)))")
  }
  let isWritten = fputs(text, file) >= 0
  let isClosed = fclose(file) == 0
  guard isWritten, isClosed, rename(temporary, path) == 0 else {
    throw TrafficError("\(path): \(String(cString: strerror(errno)))")
  }
}
