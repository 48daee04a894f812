internal import HoldfastEvent

/// What runs have reached, and how often: kinds of fault, branches of the code, reasons of gaps.
public struct Coverage: Equatable, Sendable {
  private var faults = [Int](repeating: 0, count: FaultKind.allCases.count)
  private var branches = [Int](repeating: 0, count: Branch.allCases.count)
  private var gaps = [Int](repeating: 0, count: GapReason.allCases.count)
  private var texts = [Int](repeating: 0, count: MessageKind.allCases.count)

  /// Nothing reached yet.
  public init() {}

  /// Faults that struck.
  public var faultCount: Int { faults.reduce(0, +) }
  /// Kinds among them.
  public var faultKindCount: Int { faults.count { $0 > 0 } }

  /// Every row of the report: what, and how often.
  public var rows: [(name: String, count: Int)] {
    FaultKind.allCases.map { ("fault: " + $0.rawValue, faults[$0.index]) }
      + MessageKind.allCases.map { ("message: " + $0.rawValue, texts[$0.index]) }
      + Branch.allCases.map { ("branch: " + $0.rawValue, branches[$0.index]) }
      + GapReason.allCases.filter { $0 != .newerFormat }
      .map { ("gap record: \($0)", gaps[Int($0.rawValue) - 1]) }
  }

  /// The rows that were never reached.
  public var unreached: [String] { rows.filter { $0.count == 0 }.map(\.name) }

  mutating func note(_ fault: FaultKind) { faults[fault.index] += 1 }
  mutating func note(_ branch: Branch) { branches[branch.index] += 1 }
  mutating func note(_ kind: MessageKind) { texts[kind.index] += 1 }

  mutating func note(_ gap: GapReason) { gaps[Int(gap.rawValue) - 1] += 1 }

  /// Counts the branch that a line of the log tells of.
  mutating func note(_ line: LogEntry) {
    if line.level < .info { return }
    let text = Array(line.message.utf8)
    for (branch, phrase) in Branch.phrases where line.level > .info || branch == .paused {
      if text.holds(phrase) { note(branch) }
    }
  }

  /// Adds what another run reached.
  public mutating func add(_ other: Coverage) {
    for index in faults.indices { faults[index] += other.faults[index] }
    for index in branches.indices { branches[index] += other.branches[index] }
    for index in gaps.indices { gaps[index] += other.gaps[index] }
    for index in texts.indices { texts[index] += other.texts[index] }
  }
}

/// A place in the code that is reached only when something has gone wrong.
///
/// Most are known by the line that the agent writes for its operator.
public enum Branch: String, CaseIterable, Sendable {
  case cleanStart = "start after an orderly stop"
  case crashedStart = "start after a crash"
  case repeatedStart = "recovery repeated on a copy"
  case unreadableStart = "start with a disk that can't be read"
  case reopened = "links begin anew once the disk can be read"
  case damagedBlock = "stored events can't be read"
  case evicted = "ring gives up undelivered events"
  case paused = "source closed for want of room"
  case rewritten = "pending events rewritten into a fresh segment"
  case failing = "disk fails, events pass through memory"
  case resumed = "disk takes writes again"
  case upkeepWaits = "sealing and preparing wait after an error"
  case fileStays = "a file that can't be removed stays"
  case readAgain = "a read is tried again"
  case quarantined = "a file goes to quarantine"
  case stopWithoutDisk = "orderly stop without a disk"
  case sessionLost = "the broker had lost the session"
  case deadLetter = "message set aside as a dead letter"
  case deadLetterFull = "message dropped, no room for dead letters"
  case oneByOne = "messages sent one at a time to find the poison"
  case refused = "message refused, sent again"
  case silent = "no acknowledgement in time"
  case fallBack = "falls back to MQTT 3.1.1"
  case redelivered = "event marked as possibly redelivered"
  case sealed = "segment sealed"
  case keptDelivered = "delivered data is kept"
  case stagesSaved = "stages: state saved"
  case stagesUnsaved = "stages: state can't be saved"
  case stagesRestored = "stages: state restored"
  case stagesReplayed = "stages: computed again, silently"
  case stagesUnreadable = "stages: state can't be read"
  case stagesPartGone = "stages: a part of the log they need is gone"
  case stagesAnew = "stages begin anew"
  case stagesDivided = "stages: live data divided from a backlog"
  case stagesJoined = "stages: a backlog read to its end"

  /// What the line holds; empty where the world counts by itself.
  var phrase: String {
    switch self {
    case .cleanStart, .crashedStart, .repeatedStart, .redelivered, .sealed: ""
    case .keptDelivered: ""
    case .stagesSaved, .stagesRestored, .stagesReplayed, .stagesDivided, .stagesJoined: ""
    case .stagesUnsaved: "the state of its stages can't be saved"
    case .stagesUnreadable: "no state of theirs can be read"
    case .stagesPartGone: "a part of the log that they need is gone"
    case .stagesAnew: "the stages begin anew at number"
    case .unreadableStart: "what is stored can't be reached"
    case .reopened: "the disk can be read; all links begin anew"
    case .damagedBlock: "can't be read; recorded as a gap"
    case .evicted: "undelivered events"
    case .paused: "closing the source until there is room"
    case .rewritten: "rewriting into a fresh segment"
    case .failing: "the disk fails: events are acknowledged only when"
    case .resumed: "the disk takes writes again"
    case .upkeepWaits: "sealing and preparing files wait"
    case .fileStays: "the file stays until the next start"
    case .readAgain: "reading is tried again"
    case .quarantined: "moved to quarantine"
    case .stopWithoutDisk: "stopping without a disk"
    case .sessionLost: "the broker had lost our session"
    case .deadLetter: "set aside as a dead letter"
    case .deadLetterFull: "no room for dead letters"
    case .oneByOne: "sending one message at a time"
    case .refused: "sending goes on there in"
    case .silent: "no acknowledgement for"
    case .fallBack: "falling back to MQTT 3.1.1"
    }
  }

  static let phrases: [(branch: Branch, text: [UInt8])] = allCases.filter { !$0.phrase.isEmpty }
    .map { ($0, Array($0.phrase.utf8)) }

  var index: Int { Branch.allCases.firstIndex(of: self) ?? 0 }
}

extension [UInt8] {
  /// Whether the other bytes stand somewhere within.
  func holds(_ other: [UInt8]) -> Bool {
    guard let first = other.first, count >= other.count else { return false }
    for start in 0...(count - other.count)
    where self[start] == first && self[start..<start + other.count].elementsEqual(other) {
      return true
    }
    return false
  }
}
