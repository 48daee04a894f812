import HoldfastAgent
import HoldfastIntake
import HoldfastLink
import HoldfastRingLog
import HoldfastUpstream

@testable import HoldfastConfiguration

/// The text of a configuration file.
func fuzzConfiguration(_ bytes: [UInt8]) throws(Finding) {
  let lineCount = 1 + bytes.count { $0 == UInt8(ascii: "\n") }
  let outcome = load(bytes)
  try check(outcome == load(bytes), "the same text is judged in two ways")
  switch outcome {
  case .success(let loaded):
    try checkLimits(loaded.configuration)
    for warning in loaded.warnings { try checkProblem(warning, lineCount: lineCount) }
  case .failure(let error):
    try check(!error.problems.isEmpty, "refused without a reason")
    for problem in error.problems { try checkProblem(problem, lineCount: lineCount) }
    let lines = error.problems.map(\.line)
    try check(lines == lines.sorted(), "problems are not sorted by line")
  }
}

private func load(_ bytes: [UInt8]) -> Result<LoadedConfiguration, ConfigurationError> {
  do throws(ConfigurationError) {
    return .success(
      try ConfigurationFile.load(
        bytes: bytes,
        file: "fuzz.toml",
        defaultAgentID: "edge-default",
        isWorldReadable: false
      )
    )
  } catch {
    return .failure(error)
  }
}

/// One clear line: what, where, what to do.
private func checkProblem(
  _ problem: ConfigurationProblem,
  lineCount: Int
) throws(Finding) {
  let text = problem.described(file: "fuzz.toml")
  try check(!problem.what.isEmpty && !problem.remedy.isEmpty, "says nothing: \(text)")
  try check((1...lineCount).contains(problem.line), "there is no line \(problem.line)")
  let hasControl = text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
  try check(!hasControl, "more than one line: \(text.debugDescription)")
  try check(text.utf8.count <= 4096, "a message of \(text.utf8.count) bytes")
}

/// Whatever the text, what comes of it lies within the documented limits.
private func checkLimits(_ configuration: AgentConfiguration) throws(Finding) {
  let ring = configuration.ring
  try check((32 << 20...1 << 40).contains(ring.byteCountMax), "ring.size")
  try check((10_000...5_000_000).contains(ring.commitInterval), "ring.commit_interval")
  try check((1 << 10...ring.segmentByteCount).contains(ring.payloadByteCountMax), "max_payload")
  try check((64 << 10...1 << 20).contains(ring.chainRawByteCountMax), "ring.chain_size")
  try check((1 << 20...256 << 20).contains(ring.tailByteCountMax), "ring.memory")
  try check([1_000, 1_000_000].contains(ring.ticksPerSecond), "ring.time_resolution")
  try check((1...32).contains(configuration.sources.count), "sources")
  try check((1...32).contains(configuration.upstreams.count), "upstreams")
  try check(configuration.dataDirectory.hasPrefix("/"), "agent.data_dir")
  for source in configuration.sources {
    try check((1...65_535).contains(source.receiveMaximum), "source.receive_maximum")
    try check((1...256).contains(source.topics.count), "source.topics")
    try check(!source.link.host.isEmpty && source.link.port > 0, "source.url")
    try check(source.link.keepAliveSeconds >= 5, "source.keep_alive")
    try check(!source.link.clientID.isEmpty, "source.client_id")
  }
  for upstream in configuration.upstreams {
    try check((1...1000).contains(upstream.inFlightMax), "upstream.in_flight")
    try check((1...10_000).contains(upstream.batchEventCountMax), "upstream.batch_events")
    try check((1 << 10...8 << 20).contains(upstream.batchByteCountMax), "upstream.batch_bytes")
    try check(!upstream.topicTemplate.isEmpty, "upstream.topic")
    try check(!upstream.topics.isEmpty, "upstream.topics")
  }
}

/// Any bytes; every line told is a line of the text.
func fuzzKeyPositions(_ bytes: [UInt8]) throws(Finding) {
  let lineCount = 1 + bytes.count { $0 == UInt8(ascii: "\n") }
  let positions = KeyPositions(bytes)
  for (path, line) in positions.lines {
    try check((1...lineCount).contains(line), "\(path) on line \(line) of \(lineCount)")
    try check(path.count <= KeyPositions.depthMax, "a path of \(path.count) steps")
    try check(positions.line(of: path) == line, "\(path) is found elsewhere")
  }
  for defect in positions.defects {
    try check((1...lineCount).contains(defect.line), "a defect on line \(defect.line)")
  }
  try check(positions.lines.count <= bytes.count, "more paths than bytes")
}

/// A quantity as text: duration or size, by the first byte.
func fuzzUnits(_ bytes: [UInt8]) throws(Finding) {
  let units = (bytes.first ?? 0) & 1 == 0 ? Unit.durations : Unit.sizes
  let text = String(decoding: bytes.dropFirst(), as: UTF8.self)
  let outcome = parseQuantity(text, units: units)
  let expected = quantityByTheBook(Array(bytes.dropFirst()), units)
  switch outcome {
  case .failure:
    try check(expected == nil, "\(text.debugDescription) is \(expected ?? 0)")
  case .success(let value):
    try check(value == expected, "\(text.debugDescription) is \(value)")
    if value % (units.first?.worth ?? 1) == 0 {
      let again = parseQuantity(formatted(value, units: units), units: units)
      try check(again == .success(value), "\(value) is written in a way that is not read back")
    }
  }
}

/// Digits, at most one blank, a unit; in 64 bits.
private func quantityByTheBook(_ bytes: [UInt8], _ units: [Unit]) -> Int64? {
  var number: Int64 = 0
  var index = 0
  var isTooLarge = false
  while index < bytes.count, (0x30...0x39).contains(bytes[index]) {
    let (product, overflows) = number.multipliedReportingOverflow(by: 10)
    let (sum, overflowsToo) = product.addingReportingOverflow(Int64(bytes[index] - 0x30))
    isTooLarge = isTooLarge || overflows || overflowsToo
    number = sum
    index += 1
  }
  if index == 0 || isTooLarge { return nil }
  if index < bytes.count && bytes[index] == 0x20 { index += 1 }
  guard let unit = units.first(where: { Array($0.name.utf8) == Array(bytes[index...]) }) else {
    return nil
  }
  let (value, overflows) = number.multipliedReportingOverflow(by: unit.worth)
  return overflows ? nil : value
}

/// A URL.
func fuzzBrokerAddress(_ bytes: [UInt8]) throws(Finding) {
  let text = String(decoding: bytes, as: UTF8.self)
  let outcome: Result<BrokerAddress, BrokerAddressError>
  do throws(BrokerAddressError) {
    outcome = .success(try BrokerAddress(url: text))
  } catch {
    outcome = .failure(error)
  }
  switch outcome {
  case .success(let address): try checkAddress(address, text)
  case .failure(let error):
    try check(!error.what.isEmpty && !error.remedy.isEmpty, "refused without a reason")
    // A password may stand in the text: no part of it may be repeated.
    if text.utf8.count >= 12 { try check(!error.what.contains(text), "repeats the text") }
  }
}

private func checkAddress(_ address: BrokerAddress, _ text: String) throws(Finding) {
  try check(address.port > 0, "port 0")
  try check((1...253).contains(address.host.utf8.count), "a host of \(address.host.utf8.count)")
  let isPlain = address.host.utf8.allSatisfy {
    switch $0 {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "-._:%".utf8.contains($0)
    }
  }
  try check(isPlain, "the host of \(text) is \(address.host)")
  try check(!text.contains("@"), "credentials were passed over")
  let scheme = address.isTLS ? "mqtts" : "mqtt"
  let host = address.host.contains(":") ? "[\(address.host)]" : address.host
  let again = try? BrokerAddress(url: "\(scheme)://\(host):\(address.port)")
  try check(again == address, "\(text) is written in a way that is not read back")
  let canonical = canonicalHost(address.host)
  try check(canonicalHost(canonical) == canonical, "\(canonical) is not final")
}

/// A word, a NUL, known words apart by NULs.
func fuzzWords(_ bytes: [UInt8]) throws(Finding) {
  let parts = bytes.split(separator: 0, maxSplits: 8, omittingEmptySubsequences: false)
  let words = parts.map { String(decoding: $0, as: UTF8.self) }
  let shown = quoted(words[0])
  try check(shown.unicodeScalars.count <= 60 * 6 + 3, "\(shown.count) characters")
  let hasControl = shown.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
  try check(!hasControl, "a control character is shown")
  let known = Array(words.dropFirst())
  let guess = nearest(to: words[0], among: known)
  if let guess { try check(known.contains(guess), "\(guess) is no known word") }
  if known.contains(words[0]), !words[0].isEmpty, words[0].utf8.count <= 64 {
    try check(guess != nil, "a known word resembles nothing")
  }
  try check(
    isName(words[0])
      == (words[0].utf8.count <= 64 && !words[0].isEmpty
        && words[0].utf8.allSatisfy(nameBytes.contains)),
    "\(shown) as a name"
  )
}

private let nameBytes = Set(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-".utf8
)
