internal import HoldfastEvent
internal import HoldfastPayload

/// How the result of a window looks: JSON, for people as well as programs.
///
/// ```
/// {"window":{"start":"2026-01-31T10:00:00.000Z","end":"2026-01-31T10:01:00.000Z"},"count":60,
///  "fields":{"temp":{"mean":21.5,"p95":22.1},"humidity":null},"partial":true,"missing":3,
///  "id":{"stage":"0123456789abcdef","key":"plant/1","start":1769853600000000,"revision":0}}
/// ```
/// (in one line). `count` is the number of events; a field without a value is `null`. Only where they
/// apply: `partial` with the number of events `missing`, of whatever topic, or `null` where it is
/// unknown; `early`, closed before its time for want of room; `revision`, as in the identity: the
/// result stands for all of lower revision, except where `after_revision` says that it holds only
/// what came after that one (which may never have been: a topic that had to make room has left no
/// trace but the highest revision).
struct WindowResultFormat: Sendable {
  private let stage: UInt64
  private let topic: ResultTopic
  private let plan: AggregatePlan
  private let grid: WindowGrid
  /// The fields' names as JSON strings; the whole payload is called `value`.
  private let names: [[UInt8]]

  init(
    _ settings: WindowSettings,
    topics: [TopicFilter],
    stageHash: UInt64,
    plan: AggregatePlan,
    grid: WindowGrid
  ) {
    stage = stageHash
    topic = ResultTopic(settings.topic, filters: topics)
    self.plan = plan
    self.grid = grid
    names = settings.fields.map {
      jsonText($0 == .whole ? Array("value".utf8) : Array($0.description.utf8))
    }
  }

  /// Lets the result of a window go on, stamped with the window's end.
  func emit(_ window: Window, key: [UInt8], isEarly: Bool, _ pass: inout StagePass) {
    let identity = ResultIdentity(
      stage: stage,
      key: key,
      start: window.start,
      revision: window.revision
    )
    let end = grid.end(of: window.start)
    var json = ResultText()
    json.append("{\"window\":{\"start\":")
    json.append(instant: window.start)
    json.append(",\"end\":")
    json.append(instant: end)
    json.append("},\"count\":")
    json.append(window.eventCount)
    if !names.isEmpty {
      json.append(",\"fields\":")
      for (place, name) in names.enumerated() where place < window.fields.count {
        json.append(place == 0 ? "{" : ",")
        json.append(name)
        json.append(":")
        window.fields[place].append(to: &json, plan)
      }
      json.append("}")
    }
    if window.isPartial {
      json.append(",\"partial\":true,\"missing\":")
      json.append(window.missingCount.map { "\($0)" } ?? "null")
    }
    if isEarly { json.append(",\"early\":true") }
    if window.revision > 0 { json.append(",\"revision\":\(window.revision)") }
    if let revision = window.precedingRevision { json.append(",\"after_revision\":\(revision)") }
    json.append(",\"id\":")
    json.append(identity)
    json.append("}")
    pass.emitResult(json, topic: topic.filled(with: key), wall: end, identity: identity)
  }
}
