import HoldfastEvent
import HoldfastPayload
import HoldfastStage

/// Where stages stand.
enum StagePlace: String {
  /// Before the log.
  case source
  /// Behind it.
  case upstream
}

extension DocumentReader {
  // MARK: decode

  /// `decode`, `text_units`, `text_comma` and `[[source.decode_topic]]`.
  func readDecode(_ table: TableReader) -> DecodeRules {
    var rules = DecodeRules()
    rules.format = readFormat(table, SourceKey.decode) ?? nil
    rules.texts = readTexts(table, or: .plain)
    let tables = table.tables(SourceKey.decodeTopic.rawValue, header: "[[source.decode_topic]]")
    if tables.count > StageBound.decodeTopicCountMax {
      table.error(
        SourceKey.decodeTopic,
        "stands \(tables.count) times",
        "give at most \(StageBound.decodeTopicCountMax), with several filters in one"
      )
    }
    for (index, var override) in tables.enumerated() {
      override.title = "decode_topic \(index + 1) of \(table.title)"
      override.rejectUnknownKeys(except: ConfigurationKeys.names(of: DecodeTopicKey.self))
      let topics =
        override.require(DecodeTopicKey.topics, example: "[\"plant/+/raw\"]")
        ? readFilters(override) : nil
      let format =
        override.require(DecodeTopicKey.format, example: "\"json\"")
        ? readFormat(override, DecodeTopicKey.format) : nil
      let texts = readTexts(override, or: rules.texts)
      guard let topics, let format else { continue }
      for filter in topics {
        rules.overrides.append(DecodeRules.Override(topics: filter, format: format, texts: texts))
      }
    }
    return rules
  }

  /// Which texts are numbers; what is not said is as `standard` has it.
  private func readTexts(_ table: TableReader, or standard: TextNumbers) -> TextNumbers {
    TextNumbers(
      hasUnits: table.boolean(SourceKey.textUnits) ?? standard.hasUnits,
      comma: table.choice(SourceKey.textComma, of: TextNumbers.Comma.self) ?? standard.comma
    )
  }

  /// A format's word, or `"none"`; nil if absent or wrong.
  private func readFormat(
    _ table: TableReader,
    _ key: some RawRepresentable<String>
  ) -> PayloadFormat?? {
    guard let choice = table.choice(key, of: FormatChoice.self) else { return nil }
    return .some(choice.format)
  }

  // MARK: stages

  /// The stages of a source or an upstream, in order.
  func readStages(_ owner: TableReader, of place: StagePlace) -> [StageEntry] {
    let header = "[[\(place.rawValue).stage]]"
    let tables = owner.tables(UpstreamKey.stage.rawValue, header: header)
    if tables.count > StageBound.countMax {
      owner.error(
        UpstreamKey.stage,
        "stands \(tables.count) times",
        "give at most \(StageBound.countMax) stages"
      )
    }
    return tables.enumerated().compactMap { index, table in
      var table = table
      table.title = "stage \(index + 1) of \(owner.title)"
      return readStage(table, at: place)
    }
  }

  private func readStage(_ table: TableReader, at place: StagePlace) -> StageEntry? {
    let known = ConfigurationKeys.names(of: StageKey.self)
    guard table.require(StageKey.type, example: StageKey.type.example),
      let type = table.choice(StageKey.type, of: StageType.self)
    else {
      table.rejectUnknownKeys(except: known)
      _ = readFilters(table)
      return nil
    }
    if place == .source, let reason = type.reasonAgainstSource {
      table.error(
        StageKey.type,
        "is \(quoted(type.rawValue)), which \(reason)",
        "put it into a [[upstream.stage]]"
      )
      return nil
    }
    var titled = table
    titled.title = table.title.replacing(
      "stage",
      with: "\(type.rawValue) stage",
      maxReplacements: 1
    )
    rejectKeys(titled, of: type)
    let topics = readFilters(titled) ?? []
    let topicCountMax = titled.integer(StageKey.topicCountMax, in: StageBound.topicCounts)
    let reader = StageReader(table: titled, type: type, topics: topics)
    guard let kind = reader.kind() else { return nil }
    if place == .source, case .throttle(let settings) = kind, settings.pick == .last {
      titled.error(
        StageKey.send,
        "is \"last\", which holds events back, and before the log nothing may wait",
        "give \"first\", or put the stage into a [[upstream.stage]]"
      )
    }
    var stage = StageConfiguration(topics: topics, kind: kind)
    stage.topicCountMax = topicCountMax ?? stage.topicCountMax
    return StageEntry(settings: stage, table: titled)
  }

  /// Reports keys that no stage has, and those that only other types have.
  private func rejectKeys(_ table: TableReader, of type: StageType) {
    let own = type.rows.map(\.key.rawValue)
    let foreign = StageKey.allCases.filter { !own.contains($0.rawValue) && table.has($0) }
    table.rejectUnknownKeys(except: own + foreign.map(\.rawValue), nearestOf: own)
    for key in foreign {
      let owners = StageType.allCases.filter { $0.rows.contains { $0.key == key } }
      let shown = owners.prefix(3).map { quoted($0.rawValue) }.joined(separator: ", ")
      problems.error(
        key.rawValue,
        line: table.line(of: key),
        "\(key.rawValue) of \(table.title) belongs to type = \(shown)"
          + (owners.count > 3 ? " and others" : ""),
        "remove it: \(type.rawValue) takes \(own.dropFirst().joined(separator: ", "))",
        nearest: nearest(to: key.rawValue, among: own)
      )
    }
  }
}

/// The words of `decode` and `format`.
enum FormatChoice: String, CaseIterable {
  case none
  case json
  case text
  case cbor
  case messagepack
  case line
  case sparkplug

  var format: PayloadFormat? { PayloadFormat(rawValue: rawValue) }
}
