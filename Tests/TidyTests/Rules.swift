/// Where a source belongs, by its path.
enum Place: Equatable {
  /// Decides: values in, values out.
  case core
  /// Acts: files, sockets, clocks, threads.
  case shell
  /// The commands' own code, which talks to people.
  case command
  case test

  init(path: String) {
    let parts = path.split(separator: "/")
    let target = parts.count > 1 ? String(parts[1]) : ""
    switch parts.first {
    case "Tests": self = .test
    case "Tools": self = .command
    default: self = coreTargets.contains(target) ? .core : target == "holdfast" ? .command : .shell
    }
  }
}

let coreTargets = [
  "HoldfastEvent", "HoldfastCodec", "HoldfastLink", "HoldfastIntake", "HoldfastRingLog",
  "HoldfastPayload", "HoldfastStage", "HoldfastUpstream", "HoldfastAgent", "HoldfastUnpack",
  "HoldfastReplay", "HoldfastStatus",
]

// MARK: imports

private let core = Set(coreTargets)

/// What each target may import: the dependency directions of the design.
let allowedImports: [String: Set<String>] = [
  "HoldfastEvent": [],
  "HoldfastCodec": ["CZstd", "CZlib", "CCRC32C"],
  "HoldfastLink": ["HoldfastEvent"],
  "HoldfastIntake": ["HoldfastEvent", "HoldfastLink", "HoldfastStage"],
  "HoldfastRingLog": ["HoldfastEvent", "HoldfastCodec"],
  "HoldfastPayload": [],
  "HoldfastStage": ["HoldfastEvent", "HoldfastPayload"],
  "HoldfastUpstream": [
    "HoldfastEvent", "HoldfastCodec", "HoldfastRingLog", "HoldfastLink", "HoldfastPayload",
    "HoldfastStage",
  ],
  "HoldfastAgent": core.subtracting([
    "HoldfastAgent", "HoldfastCodec", "HoldfastReplay", "HoldfastStatus", "HoldfastUnpack",
  ]),
  "HoldfastStatus": core.subtracting([
    "HoldfastCodec", "HoldfastReplay", "HoldfastStatus", "HoldfastUnpack",
  ]),
  "HoldfastUnpack": core.subtracting([
    "HoldfastReplay", "HoldfastUnpack", "HoldfastStage", "HoldfastStatus",
  ]),
  "HoldfastReplay": [
    "HoldfastAgent", "HoldfastEvent", "HoldfastLink", "HoldfastRingLog", "HoldfastUpstream",
  ],
  "HoldfastSimulation": core.subtracting(["HoldfastStatus"]),
  "HoldfastKafka": ["HoldfastEvent", "HoldfastLink", "HoldfastUpstream", "CRdkafka", "Glibc"],
  "HoldfastSystem": core.union([
    "HoldfastKafka", "CMicroHTTPD", "CMosquitto", "CProgramPages", "CSocketBuffer", "CTLSCheck",
    "CTimex", "Logging", "Glibc", "Synchronization",
  ]).subtracting(["HoldfastCodec"]),
  "HoldfastConfiguration": core.union(["HoldfastKafka", "CTLSCheck", "TOMLKit", "Glibc"])
    .subtracting(["HoldfastCodec"]),
  "holdfast": core.union([
    "HoldfastConfiguration", "HoldfastSystem", "ArgumentParser", "Logging", "Glibc",
  ]).subtracting(["HoldfastCodec"]),
  "Bench": core.union(["HoldfastSystem", "ArgumentParser", "CMallocCount", "Glibc"])
    .subtracting(["HoldfastCodec"]),
  "Proof": core.union([
    "HoldfastSimulation", "HoldfastConfiguration", "ArgumentParser", "Glibc", "Synchronization",
    "FoundationEssentials",
  ]),
  "KafkaMock": ["CRdkafka", "Glibc"],
  "Traffic": ["CMosquitto", "ArgumentParser", "Glibc", "Synchronization", "FoundationEssentials"],
]

/// Imports of a source in `Sources` or `Tools` that its target may not have.
func importFaults(_ code: SwiftCode, allowed: [String: Set<String>] = allowedImports) -> [Fault] {
  let parts = code.path.split(separator: "/").map(String.init)
  guard parts.count > 2 else { return [] }
  guard let allowed = allowed[parts[1]] else {
    return [Fault(path: code.path, line: 1, remedy: "give \(parts[1]) a row in allowedImports")]
  }
  return imports(of: code).filter { !allowed.contains($0.module) }.map {
    Fault(path: code.path, line: $0.line, remedy: "\(parts[1]) may not import \($0.module)")
  }
}

/// The modules that a source imports, submodules by their module's name.
func imports(of code: SwiftCode) -> [(module: String, line: Int)] {
  code.lines.enumerated().compactMap { index, line in
    let words = line.split { $0 == " " || $0 == "\t" }
    guard let place = words.firstIndex(of: "import"), place + 1 < words.count,
      words[..<place].allSatisfy({ isModifier($0) })
    else { return nil }
    let kinds: [Substring] = ["struct", "class", "enum", "protocol", "func", "var", "let"]
    var name = words[place + 1]
    if kinds.contains(name), place + 2 < words.count { name = words[place + 2] }
    return (String(name.prefix { $0 != "." && $0 != ";" }), index + 1)
  }
}

private func isModifier(_ word: Substring) -> Bool {
  word.hasPrefix("@") || ["public", "package", "internal", "private", "fileprivate"].contains(word)
}

// MARK: banned words

/// A word that may not stand in code of some places, and what to write instead.
struct Ban {
  var word: String
  var remedy: String
  var places: [Place]
  /// Whether a find may stand all the same, by what follows it.
  var isExcused: (@Sendable (SwiftCode, Int) -> Bool)?
}

private let sources: [Place] = [.core, .shell, .command]
private let everywhere: [Place] = sources + [.test]

let bans: [Ban] = [
  Ban(
    word: "Date(",
    remedy: "take the time from a ClockReading that is passed in",
    places: sources
  ),
  Ban(
    word: ".random(in:",
    remedy: "pass a generator: .random(in:using:)",
    places: everywhere,
    isExcused: usesGenerator
  ),
  Ban(
    word: ".randomElement(",
    remedy: "pass a generator: .randomElement(using:)",
    places: everywhere,
    isExcused: usesGenerator
  ),
  Ban(
    word: ".shuffled(",
    remedy: "pass a generator: .shuffled(using:)",
    places: everywhere,
    isExcused: usesGenerator
  ),
  Ban(
    word: "fatalError(",
    remedy: "throw, or return an action; only main may stop",
    places: everywhere,
    isExcused: { code, _ in !code.occurrences(of: "@main").isEmpty }
  ),
  Ban(word: "try!", remedy: "handle the error", places: everywhere),
  Ban(word: "as!", remedy: "cast with as?", places: everywhere),
  Ban(word: "print(", remedy: "log through swift-log", places: [.core, .shell]),
  Ban(word: "debugPrint(", remedy: "log through swift-log", places: everywhere),
  Ban(word: "forEach {", remedy: "write a for loop, which errors can leave", places: everywhere),
  Ban(word: "@_exported", remedy: "import in each file what it uses", places: everywhere),
  Ban(word: "Task {", remedy: "return an effect; the shell acts", places: [.core]),
  Ban(word: "async", remedy: "return an effect; the shell acts", places: [.core]),
  Ban(word: "Glibc", remedy: "return an effect, or use the Disk", places: [.core]),
  Ban(word: "ContinuousClock", remedy: "take the time from a ClockReading", places: [.core]),
  Ban(word: "SuspendingClock", remedy: "take the time from a ClockReading", places: [.core]),
  Ban(word: "DispatchQueue", remedy: "return an effect; the shell acts", places: [.core]),
  Ban(word: "SystemRandomNumberGenerator", remedy: "seed one from outside", places: [.core]),
]

private func usesGenerator(_ code: SwiftCode, _ index: Int) -> Bool {
  guard let open = code.bytes[index...].firstIndex(of: UInt8(ascii: "(")),
    let end = code.closing(after: open)
  else { return false }
  return String(decoding: code.bytes[open..<end], as: UTF8.self).contains("using:")
}

/// Banned words in a source.
func banFaults(_ code: SwiftCode, bans: [Ban] = bans) -> [Fault] {
  let place = Place(path: code.path)
  return bans.filter { $0.places.contains(place) }.flatMap { ban in
    code.occurrences(of: ban.word)
      .filter { ban.isExcused?(code, $0) != true }
      .map { index in
        Fault(
          path: code.path,
          line: code.line(at: index),
          remedy: "no \(ban.word): \(ban.remedy)"
        )
      }
  }
}

// MARK: size

let fileLineCountMax = 600
let functionLineCountMax = 70

func fileSizeFaults(path: String, text: String) -> [Fault] {
  let count = text.utf8.count { $0 == UInt8(ascii: "\n") }
  guard count > fileLineCountMax else { return [] }
  return [
    Fault(path: path, line: count, remedy: "split the file: \(count) lines > \(fileLineCountMax)")
  ]
}

/// Functions and initializers whose declaration and body are too long.
func functionSizeFaults(_ code: SwiftCode) -> [Fault] {
  var faults: [Fault] = []
  for keyword in ["func", "init", "deinit", "subscript"] {
    for index in code.occurrences(of: keyword) {
      guard isDeclaration(code, index, keyword), let open = bodyStart(code, index),
        let end = code.closing(after: open)
      else { continue }
      let first = code.line(at: index)
      let count = code.line(at: end - 1) - first + 1
      if count > functionLineCountMax {
        faults.append(
          Fault(
            path: code.path,
            line: first,
            remedy: "split the function: \(count) lines > \(functionLineCountMax)"
          )
        )
      }
    }
  }
  return faults
}

/// Calls of `.init(` and `self.init(` are none.
private func isDeclaration(_ code: SwiftCode, _ index: Int, _ keyword: String) -> Bool {
  let before = code.bytes[..<index].last { $0 != UInt8(ascii: " ") }
  return keyword == "func" || before != UInt8(ascii: ".")
}

/// Where the body of the declaration at `index` begins; nil for a requirement without one.
private func bodyStart(_ code: SwiftCode, _ index: Int) -> Int? {
  var place = index
  while place < code.bytes.count {
    switch code.bytes[place] {
    case UInt8(ascii: "{"): return place
    case UInt8(ascii: "}"): return nil
    case UInt8(ascii: "("), UInt8(ascii: "["):
      guard let end = code.closing(after: place) else { return nil }
      place = end
    default:
      let rest = code.bytes[place...]
      let isNext =
        place > index && (rest.starts(with: "\n".utf8))
        && declarationWords.contains { rest.dropFirst().drop { $0 == 0x20 }.starts(with: $0.utf8) }
      if isNext { return nil }
      place += 1
    }
  }
  return nil
}

private let declarationWords = [
  "func ", "var ", "init(", "static ", "mutating ", "subscript(", "associatedtype ", "public ",
]

// MARK: text

private let markers = ["FIX" + "ME", "TO" + "DO"]
/// Directories of one person's machine.
private let machinePaths = ["/ho" + "me/", "/Us" + "ers/", "/ro" + "ot/", "/wo" + "rk/"]

/// What no text of the repository may hold, comments included.
func textFaults(path: String, text: String) -> [Fault] {
  var faults: [Fault] = []
  // By bytes: to Swift, "\r\n" is one character.
  let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
  for (index, bytes) in lines.enumerated() {
    let line = Substring(bytes)
    if let last = bytes.last, [0x09, 0x0D, 0x20].contains(last) {
      faults.append(Fault(path: path, line: index + 1, remedy: "remove the space at the end"))
    }
    for marker in markers where line.contains(marker) {
      faults.append(
        Fault(path: path, line: index + 1, remedy: "no \(marker): do it, or open an issue")
      )
    }
    for machinePath in machinePaths where line.contains(machinePath) {
      faults.append(
        Fault(path: path, line: index + 1, remedy: "no path of one machine: \(machinePath)")
      )
    }
  }
  return faults
}

// MARK: README

/// The targets that `Package.swift` declares, tests left out.
func targetNames(package text: String) -> [String] {
  var names: [String] = []
  var isTarget = false
  for line in text.split(separator: "\n") {
    for kind in [".target(", ".executableTarget(", ".systemLibrary("] where line.contains(kind) {
      isTarget = true
    }
    if line.contains(".testTarget(") { isTarget = false }
    if isTarget, let name = value(of: "name", in: line) {
      names.append(name)
      isTarget = false
    }
  }
  return names
}

/// `text` of `key: "text"`.
private func value(of key: String, in line: Substring) -> String? {
  guard let range = line.firstRange(of: "\(key): \"") else { return nil }
  return String(line[range.upperBound...].prefix { $0 != "\"" })
}

func readmeFaults(readme: String, package: String) -> [Fault] {
  targetNames(package: package).filter { !readme.contains($0) }.map {
    Fault(path: "README.md", line: 1, remedy: "say what the target \($0) is for")
  }
}
