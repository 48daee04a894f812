internal import HoldfastEvent
internal import HoldfastIntake
internal import HoldfastLink
internal import HoldfastRingLog
internal import HoldfastUpstream

// The agent's own small files, in the directory of its log.

extension Agent {
  /// The name of an upstream's dead-letter file.
  ///
  /// - Parameters:
  ///   - upstream: its id; every byte of it that is no ASCII letter or digit becomes `_`.
  ///   - directory: the log's, see `RingLog.directory`.
  /// - Returns: the name within the data directory.
  public static func deadLetterName(_ upstream: String, in directory: String = "ring") -> String {
    "\(directory)/\(RecordFile.deadLetterPrefix)\(safeName(upstream))"
  }

  /// An upstream's name as a part of a file's.
  static func safeName(_ upstream: String) -> String {
    let safe = upstream.utf8.map { byte -> Character in
      let character = Character(UnicodeScalar(byte))
      return character.isASCII && (character.isLetter || character.isNumber) ? character : "_"
    }
    return String(safe)
  }

  /// Opens the files beside the log, once it is known which directory is the log's.
  mutating func openOwnFiles(now: ClockReading) {
    guard owner.ring.isRecovered else { return }
    let directory = owner.ring.directory
    owner.deadLetters = configuration.upstreams.map { upstream in
      RecordFile(
        disk: disk,
        name: Self.deadLetterName(upstream.id, in: directory),
        byteCountMax: upstream.deadLetterByteCountMax
      )
    }
    protocols.open(on: disk, directory: directory)
    for index in intakes.indices { protocols.recall(&intakes[index].link, now: now) }
    for index in forwarders.indices { forwarders[index].recall { protocols.recall(&$0, now: now) } }
    protocols.seen = fallbacks
  }

  /// What each link knows of each of its brokers, sources first.
  private var fallbacks: [Int64?] {
    intakes.map { $0.link.fallbackUntil() }
      + forwarders.flatMap { forwarder in
        (0..<forwarder.brokerCount).map { forwarder.fallbackUntil(at: $0) }
      }
  }

  /// Whether each link knows what it knew when that was looked at last.
  ///
  /// Asked in each step: a closure would copy the forwarders, and an array needs memory.
  private var knowWhatTheyKnew: Bool {
    var next = 0
    for index in intakes.indices {
      guard knew(intakes[index].link.fallbackUntil(), at: &next) else { return false }
    }
    for index in forwarders.indices {
      for place in 0..<forwarders[index].brokerCount {
        guard knew(forwarders[index].fallbackUntil(at: place), at: &next) else { return false }
      }
    }
    return next == protocols.seen.count
  }

  private func knew(_ until: Int64?, at next: inout Int) -> Bool {
    defer { next += 1 }
    return protocols.seen.indices.contains(next) && protocols.seen[next] == until
  }

  /// Keeps which brokers speak 3.1.1 only, when that has changed.
  mutating func saveProtocols(now: ClockReading) {
    guard owner.ring.isRecovered, !owner.ring.isFailing else { return }
    if knowWhatTheyKnew { return }
    protocols.seen = fallbacks
    var known: [String: Int64] = [:]
    let urls =
      intakes.map(\.link.url)
      + forwarders.flatMap { forwarder in
        (0..<forwarder.brokerCount).map { forwarder.url(at: $0) }
      }
    for (url, until) in zip(urls, protocols.seen) {
      if let until { known[url] = max(known[url] ?? until, until) }
    }
    owner.ring.noteOwnFile(grownBy: protocols.save(known, now: now))
  }
}

/// Which URLs `protocol = "auto"` found to speak MQTT 3.1.1 only, across restarts.
///
/// One small file, replaced whole; where it is damaged or can't be written, MQTT 5 is tried once
/// more, and nothing else happens.
struct ProtocolMemory {
  /// Most bytes of the file: one record for each of 32 sources and of the five brokers of 32
  /// upstreams, whose host names have 255 bytes at most.
  static let byteCountMax = 64 << 10

  private var file: RecordFile?
  /// By the wall clock, as a restart may be a reboot.
  private var stored: [String: Int64] = [:]
  private var byteCount = 0
  /// What each link knew when that was looked at last, by the boot clock; set by the owner.
  var seen: [Int64?] = []

  /// Reads what an earlier run left in the log's directory.
  mutating func open(on disk: any Disk, directory: String) {
    let file = RecordFile(
      disk: disk,
      name: "\(directory)/\(RecordFile.protocolName)",
      byteCountMax: Self.byteCountMax
    )
    self.file = file
    stored.removeAll()
    byteCount = 0
    do throws(DiskError) {
      for record in try file.records() {
        byteCount += record.count + RecordFile.headerByteCount
        guard let (url, until) = Self.entry(record) else { continue }
        stored[url] = until
      }
    } catch {
      // Not known: MQTT 5 is tried.
    }
  }

  /// Tells a link that has not connected yet what is known about its URLs.
  func recall(_ link: inout Link, now: ClockReading) {
    for place in 0..<link.brokerCount {
      guard let until = stored[link.url(at: place)] else { continue }
      // The wall clock may have jumped; the link does not wait longer than a day.
      link.recallFallback(
        at: place,
        until: now.boot.addingSaturated(until.subtractingSaturated(now.wall)),
        now: now.boot
      )
    }
  }

  /// Replaces the file.
  ///
  /// - Parameters:
  ///   - known: until when each URL's broker is taken to speak 3.1.1 only, by the boot clock.
  ///   - now: both clocks.
  /// - Returns: by how many bytes it grew.
  mutating func save(_ known: [String: Int64], now: ClockReading) -> Int {
    guard var file else { return 0 }
    let records = known.sorted { $0.key < $1.key }.map { url, until in
      Self.record(url, until: now.wall.addingSaturated(until.subtractingSaturated(now.boot)))[...]
    }
    do throws(DiskError) {
      try file.replace(with: records)
    } catch {
      // Not known at the next start: MQTT 5 is tried.
      return 0
    }
    let old = byteCount
    byteCount = records.reduce(0) { $0 + $1.count + RecordFile.headerByteCount }
    return byteCount - old
  }

  /// `i64` until when, microseconds since 1970, and the URL.
  private static func record(_ url: String, until: Int64) -> [UInt8] {
    let bits = UInt64(bitPattern: until)
    return (0..<8).map { UInt8(truncatingIfNeeded: bits >> (8 * UInt64($0))) } + Array(url.utf8)
  }

  private static func entry(_ record: ArraySlice<UInt8>) -> (url: String, until: Int64)? {
    guard record.count > 8 else { return nil }
    var bits: UInt64 = 0
    for (place, byte) in record.prefix(8).enumerated() {
      bits |= UInt64(byte) << (8 * UInt64(place))
    }
    return (String(decoding: record.dropFirst(8), as: UTF8.self), Int64(bitPattern: bits))
  }
}
