import HoldfastAgent
import HoldfastEvent
import HoldfastIntake
import HoldfastRingLog
import HoldfastStage
import HoldfastUpstream

/// Reads one whole document: each table by itself, then what tables say about each other.
struct DocumentReader {
  static let sourceCountMax = 32
  static let upstreamCountMax = 32

  let file: String
  let defaultAgentID: String
  /// For each file whether anyone on the machine may read it.
  let isWorldReadable: [Bool]
  var purpose = ConfigurationFile.Purpose.agent
  let problems: ProblemList
  var agentID = ""
  /// `agent.status_topic`; empty: none.
  var statusTopic = StatusTopic.standard
  /// The line of `agent.status_topic`; nil where the default counts.
  var statusTopicLine: FileLine?

  /// A source or upstream together with where its keys stand.
  struct Entry<Settings> {
    var settings: Settings
    var table: TableReader
    var stages: [StageEntry] = []
  }

  /// A stage together with where its keys stand.
  struct StageEntry {
    var settings: StageConfiguration
    var table: TableReader
  }

  /// The configuration; meaningless if problems were found.
  mutating func read(_ root: ConfigurationNode) -> AgentConfiguration? {
    guard case .table(let entries) = root.value else { return nil }
    let document = TableReader(entries: entries, line: 1, title: "the file", problems: problems)
    document.rejectUnknownKeys(except: ConfigurationKeys.sections.map(\.name))

    var configuration = AgentConfiguration(agentID: "", sources: [], upstreams: [])
    readAgent(table("agent", of: document), into: &configuration)
    let ringTable = table("ring", of: document)
    configuration.ring = readRing(ringTable)
    configuration.status = readStatus(table("status", of: document))

    let sourceTables = tables("source", of: document)
    let upstreamTables = tables("upstream", of: document)
    checkNames(sourceTables)
    checkNames(upstreamTables)
    checkCount(
      sourceTables.count,
      of: "source",
      in: document,
      atMost: Self.sourceCountMax,
      needs: "name, url and topics"
    )
    if purpose == .agent || !upstreamTables.isEmpty {
      checkCount(
        upstreamTables.count,
        of: "upstream",
        in: document,
        atMost: Self.upstreamCountMax,
        needs: "name and url"
      )
    }
    let sources = sourceTables.compactMap(readSource)
    let upstreams = upstreamTables.compactMap(readUpstream)
    checkIDs(upstreams)

    let across = CrossChecks(
      agentID: agentID,
      ring: Entry(settings: configuration.ring, table: ringTable),
      sources: sources,
      upstreams: upstreams,
      purpose: purpose,
      problems: problems
    )
    across.run()
    configuration.sources = sources.map(\.settings)
    configuration.upstreams = upstreams.map(\.settings)
    StatusTopic(template: statusTopic, line: statusTopicLine, problems: problems)
      .assign(agentID: agentID, sources: sources, to: &configuration)
    return configuration
  }

  // MARK: tables

  /// The table `[name]`; empty if absent or of another kind.
  private func table(_ name: String, of document: TableReader) -> TableReader {
    let title = "[\(name)]"
    guard let node = document.entries[name] else {
      return TableReader(entries: [:], line: 1, title: title, problems: problems)
    }
    if case .table(let entries) = node.value {
      return TableReader(entries: entries, line: node.line, title: title, problems: problems)
    }
    problems.error(
      name,
      line: node.line,
      "\(name) must be one table, not \(node.kind)",
      "begin it with \(title)"
    )
    return TableReader(entries: [:], line: node.line, title: title, problems: problems)
  }

  /// The tables `[[name]]`, in order.
  private func tables(_ name: String, of document: TableReader) -> [TableReader] {
    document.tables(name, header: "[[\(name)]]").map { table in
      var table = table
      if case .text(let text)? = table.entries["name"]?.value { table.title += " \(quoted(text))" }
      return table
    }
  }

  private func checkCount(
    _ count: Int,
    of name: String,
    in document: TableReader,
    atMost countMax: Int,
    needs keys: String
  ) {
    // What stands there in another shape has been told already.
    var isAbsent = document.entries[name] == nil
    if case .array(let elements)? = document.entries[name]?.value { isAbsent = elements.isEmpty }
    if count == 0 && isAbsent {
      problems.error(
        name,
        line: 1,
        "there is no [[\(name)]]",
        "add one with \(keys)"
      )
    } else if count > countMax {
      problems.error(
        name,
        line: 1,
        "there are \(count) [[\(name)]], more than \(countMax)",
        "run a second agent with its own data_dir for the rest"
      )
    }
  }

  private func checkNames(_ tables: [TableReader]) {
    var lines: [String: FileLine] = [:]
    for table in tables {
      guard case .text(let name)? = table.entries["name"]?.value else { continue }
      if let line = lines[name] {
        table.error(
          SourceKey.name,
          "is taken since \(problems.shown(line, besides: table.line(of: SourceKey.name)))",
          "give each its own name: it names counters"
        )
      } else {
        lines[name] = table.line(of: SourceKey.name)
      }
    }
  }

  /// A place in the log is one upstream's.
  private func checkIDs(_ upstreams: [Entry<UpstreamConfiguration>]) {
    for (index, upstream) in upstreams.enumerated() {
      let twin = upstreams[..<index].first { $0.settings.id == upstream.settings.id }
      guard let twin, twin.settings.name != upstream.settings.name else { continue }
      let table = upstream.table.has(UpstreamKey.id) ? upstream.table : twin.table
      table.error(
        UpstreamKey.id,
        "is \(quoted(upstream.settings.id)), as that of \(twin.table.title), which has its name if"
          + " it gives no other",
        "give each its own: it names a place in the log"
      )
    }
  }

  // MARK: agent and ring

  private mutating func readAgent(
    _ table: TableReader,
    into configuration: inout AgentConfiguration
  ) {
    table.rejectUnknownKeys(except: ConfigurationKeys.names(of: AgentKey.self))
    agentID = defaultAgentID
    if let id = table.text(AgentKey.id) {
      if isName(id) {
        agentID = id
      } else {
        table.error(AgentKey.id, "is \(quoted(id))", nameRule)
      }
    } else if !table.has(AgentKey.id) && !isName(defaultAgentID) {
      table.error(AgentKey.id, "is missing and this machine has no id", "add id = \"edge-1\"")
    }
    configuration.agentID = agentID
    if let topic = readStatusTopic(table) { statusTopic = topic }
    if table.has(AgentKey.statusTopic) { statusTopicLine = table.line(of: AgentKey.statusTopic) }
    if let directory = table.text(AgentKey.dataDirectory) {
      if directory.hasPrefix("/") && directory.utf8.count <= pathByteCountMax {
        configuration.dataDirectory = directory
      } else {
        table.error(
          AgentKey.dataDirectory,
          "is \(quoted(directory))",
          "give an absolute path of at most \(pathByteCountMax) bytes"
        )
      }
    }
  }

  private func readRing(_ table: TableReader) -> RingConfiguration {
    table.rejectUnknownKeys(except: ConfigurationKeys.names(of: RingKey.self))
    var ring = RingConfiguration()
    ring.byteCountMax =
      table.size(
        RingKey.size,
        in: RingConfiguration.byteCountMin...RingConfiguration.byteCountLimit
      ) ?? ring.byteCountMax
    ring.ageMax = table.duration(RingKey.ageMax, in: minute...10 * year)
    ring.keepDelivered = readKeeping(table)
    ring.whenFull = table.choice(RingKey.whenFull, of: FullPolicy.self) ?? ring.whenFull
    ring.commitInterval =
      table.duration(RingKey.commitInterval, in: 10 * millisecond...5 * second)
      ?? ring.commitInterval
    ring.chainRawByteCountMax =
      table.size(RingKey.chainSize, in: 64 << 10...1 << 20) ?? ring.chainRawByteCountMax
    ring.tailByteCountMax =
      table.size(RingKey.memory, in: 1 << 20...256 << 20) ?? ring.tailByteCountMax
    if let resolution = table.choice(RingKey.timeResolution, of: TimeResolution.self) {
      ring.ticksPerSecond = resolution.ticksPerSecond
    }
    if let payload = table.size(RingKey.payloadMax, in: 1 << 10...8 << 20) {
      ring.payloadByteCountMax = payload
      let roomByteCount = ring.segmentByteCount - segmentReserveByteCount
      if payload > roomByteCount {
        table.error(
          RingKey.payloadMax,
          "is above what a segment of this ring holds",
          "give at most \"\(formattedSize(roomByteCount))\", or a larger size: a segment is a 32nd of it"
        )
      }
    }
    return ring
  }

  /// `keep_delivered`: a duration or a size, as its unit tells.
  private func readKeeping(_ table: TableReader) -> DeliveredKeeping? {
    table.durationOrSize(
      RingKey.keepDelivered,
      in: minute...10 * year,
      or: 1 << 20...1 << 40
    ).map { amount in
      switch amount {
      case .duration(let span): .span(span)
      case .size(let byteCount): .byteCount(byteCount)
      }
    }
  }

  /// `time_resolution`.
  private enum TimeResolution: String, CaseIterable {
    case milliseconds = "ms"
    case microseconds = "us"

    var ticksPerSecond: Int64 { self == .milliseconds ? 1_000 : 1_000_000 }
  }
}

/// What a segment holds beside the largest payload: headers, topic, properties, a codec's worst
/// case.
private let segmentReserveByteCount = 192 << 10
private let pathByteCountMax = 3_000

let millisecond: Int64 = 1_000
let second: Int64 = 1_000_000
let minute: Int64 = 60 * second
let hour: Int64 = 60 * minute
let day: Int64 = 24 * hour
let year: Int64 = 365 * day

/// Whether `text` may name an agent, a source or an upstream: it becomes part of topics, client
/// ids and file names.
func isName(_ text: String) -> Bool {
  (1...64).contains(text.utf8.count)
    && text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "-"):
        true
      default: false
      }
    }
}

let nameRule = "give 1 to 64 of the letters a-z and A-Z, digits, \"_\", \".\" and \"-\""
