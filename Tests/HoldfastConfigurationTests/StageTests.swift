import HoldfastAgent
import HoldfastConfiguration
import HoldfastEvent
import HoldfastIntake
import HoldfastPayload
import HoldfastStage
import HoldfastUpstream
import Testing

/// The least lines of a stage of each type, without its type.
let leastStages: [(type: String, lines: String)] = [
  ("drop", "topics = [\"a\"]"),
  ("keep", "when = \"retained\""),
  ("map", "topic = \"x\""),
  ("changed", ""),
  ("deadband", "field = \"t\"\nthreshold = \"2%\""),
  ("swinging-door", "field = \"t\"\ndeviation = 1"),
  ("throttle", "interval = \"1s\""),
  ("sample", "every = 10"),
  ("dedupe", "span = \"1m\""),
  ("window", "fields = [\"t\"]\nsize = \"1m\"\naggregates = [\"mean\"]"),
  ("downsample", "field = \"t\"\nmethod = \"lttb\"\nsize = \"10s\""),
  ("alarm", "field = \"t\"\non = 80\noff = 75"),
  ("burst", "when = \"t > 3\"\ninterval = \"1m\"\nbefore = \"30s\"\nafter = \"1m\""),
]

@Suite struct StageTests {
  /// The one stage of a sample.
  private func stage(_ lines: String) throws -> StageConfiguration {
    let upstream = try #require(try load(stageSample(lines)).configuration.upstreams.first)
    return try #require(upstream.stages.first)
  }

  private func leastStage(_ type: String) throws -> String {
    let least = try #require(leastStages.first { $0.type == type })
    return "type = \"\(type)\"\n\(least.lines)"
  }

  @Test func `an upstream without stages has none, and lets pass what it can't read`() throws {
    let configuration = try load(sample()).configuration
    #expect(configuration.upstreams[0].stages == [])
    #expect(configuration.upstreams[0].undecodable == .pass)
    #expect(configuration.sources[0].stages == [])
    #expect(configuration.sources[0].decode == DecodeRules())
  }

  @Test func `every type is known by its word`() throws {
    #expect(ConfigurationKeys.stages.map(\.type) == leastStages.map(\.type))
    for (type, _) in leastStages {
      let stage = try stage(try leastStage(type))
      #expect(stage.topicCountMax == 10_000)
      #expect(stage.topics.map(\.description) == (type == "drop" ? ["a"] : []), "\(type)")
    }
  }

  @Test func `writing a default down changes nothing`() throws {
    var count = 0
    for table in ConfigurationKeys.stages {
      let least = try leastStage(table.type)
      for key in table.keys {
        guard let standard = key.standard else { continue }
        #expect(!key.isRequired)
        count += 1
        let written = try stage("\(least)\n\(key.name) = \(standard)")
        #expect(try written == stage(least), "\(table.type) \(key.name)")
      }
    }
    #expect(count >= 20)
  }

  @Test func `what is required is missed, and nothing else is`() throws {
    for table in ConfigurationKeys.stages {
      let lines = try leastStage(table.type).split(separator: "\n")
      for key in table.keys {
        let rest = lines.filter { !$0.hasPrefix("\(key.name) = ") }
        let missed = problems(of: stageSample(rest.joined(separator: "\n")))
        if key.isRequired {
          #expect(missed.map(\.key) == [key.name], "\(table.type) \(key.name)")
        } else if rest.count == lines.count {
          #expect(missed == [], "\(table.type) \(key.name)")
        }
      }
    }
  }

  @Test func `both ends of a range are within it, and what lies beyond is not`() throws {
    var count = 0
    for table in ConfigurationKeys.stages {
      for key in table.keys {
        guard let range = key.range, !range.hasSuffix("paths"),
          let (low, high) = ends(of: range)
        else { continue }
        count += 1
        let lines = try leastStage(table.type).split(separator: "\n")
          .filter { !$0.hasPrefix("\(key.name) = ") }.joined(separator: "\n")
        for (value, isRight) in [(low, true), (high, true), ("9\(high)", false)] {
          let isNumber = value.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
          let written = "\(key.name) = \(isNumber ? value : "\"\(value)\"")"
          // Of a burst's bounds one depends on the ring, which is given room.
          let ring = "size = \"16GiB\""
          let found = problems(of: stageSample("\(lines)\n\(written)", ring: ring))
          #expect(found.map(\.key) == (isRight ? [] : [key.name]), "\(table.type) \(written)")
        }
      }
    }
    #expect(count >= 25)
  }

  /// `A` and `B` of `A to B`.
  private func ends(of range: String) -> (String, String)? {
    let words = range.split(separator: " ").map { String($0) }
    return words.count == 3 && words[1] == "to" ? (words[0], words[2]) : nil
  }

  @Test func `drop and keep hold a condition`() throws {
    #expect(try stage("type = \"drop\"\nwhen = \"t > 3\"").kind == .drop(Condition("t > 3")))
    #expect(try stage("type = \"keep\"\nwhen = \"qos == 1\"").kind == .keep(Condition("qos == 1")))
    let all = try stage("type = \"drop\"\ntopics = [\"a/#\", \"b\"]")
    #expect(all.topics.map(\.description) == ["a/#", "b"])
    #expect(all.kind == .drop(try Condition("size >= 0")))
  }

  @Test func `map has fields, arithmetic, tags and a topic`() throws {
    let lines = """
      type = "map"
      topics = ["plant/+/+/#"]
      select = ["a.b", "c[0]"]
      remove = ["d"]
      rename = { "a.b" = "temp", zeta = "z" }
      topic = "x/{3}/{1}/{topic}"
      [upstream.stage.add]
      site = "north-{1}"
      line = 7
      area = 2.5
      live = true
      [[upstream.stage.compute]]
      field = "a.b"
      scale = "0.1"
      offset = -40
      [[upstream.stage.compute]]
      field = "c[0]"
      min = 0
      max = 1e3
      round = 2
      """
    var settings = MapSettings()
    settings.select = [try FieldPath("a.b"), try FieldPath("c[0]")]
    settings.remove = [try FieldPath("d")]
    settings.rename = [
      MapSettings.Rename(field: try FieldPath("a.b"), name: "temp"),
      MapSettings.Rename(field: try FieldPath("zeta"), name: "z"),
    ]
    settings.add = [
      MapSettings.Addition(name: "site", value: "north-{1}", isText: true),
      MapSettings.Addition(name: "line", value: "7", isText: false),
      MapSettings.Addition(name: "area", value: "2.5", isText: false),
      MapSettings.Addition(name: "live", value: "true", isText: false),
    ]
    settings.topic = "x/{3}/{1}/{topic}"
    var first = MapSettings.Compute(field: try FieldPath("a.b"))
    first.scale = 0.1
    first.offset = -40
    var second = MapSettings.Compute(field: try FieldPath("c[0]"))
    second.min = 0
    second.max = 1000
    second.roundDigitCount = 2
    settings.compute = [first, second]
    #expect(try stage(lines).kind == .map(settings))
  }

  @Test func `the types that reduce have their keys`() throws {
    let field = try FieldPath("t")
    let changed = try stage(
      "type = \"changed\"\nfields = [\"t\", \"\"]\nmax_interval = \"1h\"\nmax_topics = 5"
    )
    #expect(
      changed.kind
        == .changed(ChangedSettings(fields: [field, .whole], intervalMax: 3_600_000_000))
    )
    #expect(changed.topicCountMax == 5)
    #expect(
      try stage(
        "type = \"swinging-door\"\nfield = \"t\"\ndeviation = \"0.25\"\nmax_interval = \"1m\""
      )
      .kind
        == .swingingDoor(
          SwingingDoorSettings(field: field, deviation: 0.25, intervalMax: 60_000_000)
        )
    )
    #expect(
      try stage("type = \"throttle\"\ninterval = \"250ms\"\nsend = \"last\"").kind
        == .throttle(ThrottleSettings(interval: 250_000, pick: .last))
    )
    #expect(try stage("type = \"sample\"\nevery = 7").kind == .sample(SampleSettings(every: 7)))
    var dedupe = DedupeSettings(span: 30_000_000)
    dedupe.payloadCountMax = 3
    #expect(
      try stage("type = \"dedupe\"\nspan = \"30s\"\nmax_payloads = 3").kind == .dedupe(dedupe)
    )
  }

  @Test(arguments: [
    ("\"0.5\"", "", DeadbandSettings.Threshold.absolute(0.5)),
    ("2", "", .absolute(2)),
    ("1e-3", "", .absolute(0.001)),
    ("\"2%\"", "", .fractionOfLast(0.02)),
    ("\"100%\"", "of = \"last\"", .fractionOfLast(1)),
    ("\"0.5%\"", "of = \"span\"\nspan = 250", .fractionOfSpan(0.005, span: 250)),
  ])
  func `a threshold is a number or a percentage`(
    text: String,
    more: String,
    threshold: DeadbandSettings.Threshold
  ) throws {
    let field = try FieldPath("t")
    #expect(
      try stage("type = \"deadband\"\nfield = \"t\"\nthreshold = \(text)\n\(more)").kind
        == .deadband(DeadbandSettings(field: field, threshold: threshold))
    )
  }

  @Test func `a window has every key`() throws {
    let lines = """
      type = "window"
      topics = ["a/+"]
      fields = ["t", "h"]
      size = "10s"
      aggregates = ["count", "sum", "min", "max", "mean", "first", "last", "stddev", "p50", "p99.9"]
      lateness = "1m"
      offset = "9s"
      time = "at.utc"
      late = "emit-correction"
      topic = "{topic}/10s"
      """
    var settings = WindowSettings(
      fields: [try FieldPath("t"), try FieldPath("h")],
      size: 10_000_000,
      aggregates: [
        .count, .sum, .min, .max, .mean, .first, .last, .stddev, .percentile(50),
        .percentile(99.9),
      ]
    )
    settings.lateness = 60_000_000
    settings.offset = 9_000_000
    settings.time = .field(try FieldPath("at.utc"))
    settings.late = .emitCorrection
    settings.topic = "{topic}/10s"
    #expect(try stage(lines).kind == .window(settings))
  }

  @Test func `the topic of a window and an alarm may use what wildcards matched`() throws {
    for type in ["window", "alarm"] {
      let lines = try leastStage(type) + "\ntopics = [\"a/+/b/+\"]\ntopic = \"x/{2}/{1}/{topic}\""
      let topic: String? =
        switch try stage(lines).kind {
        case .window(let settings): settings.topic
        case .alarm(let settings): settings.topic
        default: nil
        }
      #expect(topic == "x/{2}/{1}/{topic}")
    }
  }

  @Test func `a window that only counts needs neither fields nor a format`() throws {
    let lines = "[[upstream.stage]]\ntype = \"window\"\nsize = \"1m\"\naggregates = [\"count\"]"
    let upstream = try load(sample(upstream: lines)).configuration.upstreams[0]
    #expect(
      upstream.stages.map(\.kind)
        == [.window(WindowSettings(fields: [], size: 60_000_000, aggregates: [.count]))]
    )
  }

  @Test func `downsample, alarm and burst have every key`() throws {
    let field = try FieldPath("t")
    var downsample = DownsampleSettings(field: field, method: .m4, size: 3_600_000_000)
    downsample.heldByteCountMax = 4096
    #expect(
      try stage(
        "type = \"downsample\"\nfield = \"t\"\nmethod = \"m4\"\nsize = \"1h\"\nmax_bytes = 4096"
      ).kind
        == .downsample(downsample)
    )
    var alarm = AlarmSettings(field: field, on: -1.5, off: 2)
    alarm.duration = 5_000_000
    alarm.topic = "x"
    alarm.passesEvents = true
    #expect(
      try stage(
        "type = \"alarm\"\nfield = \"t\"\non = \"-1.5\"\noff = 2\nduration = \"5s\"\ntopic = \"x\"\n"
          + "pass = true"
      ).kind == .alarm(alarm)
    )
    var burst = BurstSettings(
      when: try Condition("t > 3"),
      interval: 60_000_000,
      before: 0,
      after: 86_400_000_000
    )
    burst.heldCountMax = 7
    burst.heldByteCountMax = 65_536
    #expect(
      try stage(
        "type = \"burst\"\nwhen = \"t > 3\"\ninterval = \"1m\"\nbefore = \"0s\"\nafter = \"1d\"\n"
          + "before_events = 7\nbefore_bytes = \"64KiB\""
      ).kind == .burst(burst)
    )
  }

  @Test func `which texts are numbers is told by source and topic`() throws {
    let source = """
      decode = "json"
      text_units = true
      [[source.decode_topic]]
      topics = ["sensors/a"]
      format = "text"
      text_comma = "decimal"
      [[source.decode_topic]]
      topics = ["sensors/b"]
      format = "cbor"
      text_units = false
      """
    let loaded = try load(sample(source: source))
    let rules = loaded.configuration.sources[0].decode
    let texts = { (topic: String) in rules.texts(of: Array(topic.utf8)[...]) }
    #expect(texts("sensors/c") == TextNumbers(hasUnits: true))
    #expect(texts("sensors/a") == TextNumbers(hasUnits: true, comma: .decimal))
    #expect(texts("sensors/b") == .plain)
    #expect(try load(loaded.effective).configuration.sources[0].decode == rules)
    let standard = try load(sample(source: "decode = \"json\"")).configuration.sources[0].decode
    #expect(standard == DecodeRules(format: .json))
    for (line, words) in [
      ("text_units = 1", "true or false"), ("text_comma = \"point\"", "is \"point\""),
    ] {
      let found = problems(of: sample(source: "decode = \"json\"\n\(line)"))
      #expect(found.count == 1 && found[0].what.contains(words), "\(found)")
    }
  }

  @Test func `a condition that asks for historical values needs a format`() throws {
    let lines = "[[upstream.stage]]\ntype = \"drop\"\nwhen = \"historical\""
    #expect(problems(of: sample(upstream: lines)).map(\.key) == ["decode"])
    #expect(problems(of: sample(source: "decode = \"sparkplug\"", upstream: lines)) == [])
  }

  @Test func `payload formats are read by source and topic`() throws {
    let source = """
      decode = "json"
      [[source.decode_topic]]
      topics = ["sensors/a/+", "sensors/b"]
      format = "none"
      [[source.decode_topic]]
      topics = ["sensors/#"]
      format = "cbor"
      """
    let rules = try load(sample(source: source)).configuration.sources[0].decode
    let format = { (topic: String) in rules.format(of: Array(topic.utf8)[...]) }
    #expect(rules.format == .json && rules.overrides.count == 3)
    #expect(format("sensors/a/1") == nil && format("sensors/b") == nil)
    #expect(format("sensors/c") == .cbor && format("other") == .json)
    #expect(
      try load(sample(source: "decode = \"none\"")).configuration.sources[0].decode.format == nil
    )
    for format in PayloadFormat.allCases {
      let text = sample(source: "decode = \"\(format.rawValue)\"")
      #expect(try load(text).configuration.sources[0].decode.format == format)
    }
  }

  @Test func `a source takes the stages that hold nothing`() throws {
    let allowed = ConfigurationKeys.stages.filter(\.isForSources).map(\.type)
    #expect(
      allowed == ["drop", "keep", "changed", "deadband", "throttle", "sample", "dedupe"]
    )
    let stages = try allowed.map { "[[source.stage]]\n" + (try leastStage($0)) }
    let text = sample(
      source: "decode = \"text\"\n" + stages.joined(separator: "\n"),
      sourceTopics: "topics = [\"a\", \"sensors/#\"]"
    )
    #expect(try load(text).configuration.sources[0].stages.count == allowed.count)
  }

  @Test func `all that is wrong with a stage is told at once`() throws {
    let text = stageSample(
      """
      type = "window"
      fields = ["a.", "b", "b."] #!
      size = "1ms" #!
      aggregates = ["avg", "p0"] #!
      late = "drop" #!
      deviation = 3 #!
      topic = "{2}" #!
      """
    )
    let found = problems(of: text)
    #expect(
      found.map(\.key) == [
        "fields", "fields", "size", "aggregates", "aggregates", "late", "deviation", "topic",
      ]
    )
    #expect(Set(found.map(\.line)) == Set(markedLines(of: text)))
  }

  @Test func `a wrong path is told with the column within it`() throws {
    let found = problems(of: stageSample("type = \"changed\"\nfields = [\"ok\", \"a.b..c\"]"))
    #expect(found.count == 1)
    let shown = try #require(found.first).described(file: "f")
    #expect(shown.contains("fields of changed stage 1 of [[upstream]] \"central\""))
    #expect(shown.contains("\"a.b..c\", column 5: "))
  }

  @Test func `topics that no event can have are warnings`() throws {
    let text = sample(
      source: """
        decode = "json"
        [[source.decode_topic]] #!
        topics = ["other"]
        format = "text"
        [[source.stage]]
        type = "sample"
        every = 2
        topics = ["sensor/#"] #!
        """,
      upstream: """
        topics = ["sensors/#"]
        [[upstream.stage]]
        type = "map"
        topic = "site/{topic}"
        [[upstream.stage]]
        type = "sample"
        every = 2
        topics = ["site/sensors/a", "sensors/b"]
        [[upstream.stage]]
        type = "sample"
        every = 2
        topics = ["sites/#"] #!
        """
    )
    let warnings = try load(text).warnings
    #expect(warnings.map(\.line) == markedLines(of: text))
    #expect(warnings.map(\.key) == ["decode_topic", "topics", "topics"])
    let idle = try load(sample(upstream: "undecodable = \"dead-letter\" #!")).warnings
    #expect(idle.map(\.key) == ["undecodable"])
  }

  @Test func `a map of payloads that can't be changed is a warning`() throws {
    let stage = "[[upstream.stage]]\ntype = \"map\" #!\nselect = [\"a\"]"
    let text = sample(source: "decode = \"cbor\"", upstream: stage)
    #expect(try load(text).warnings.map(\.line) == markedLines(of: text))
    let others = [
      sample(source: "decode = \"json\"", upstream: stage),
      sample(
        source: "decode = \"cbor\"",
        upstream: "[[upstream.stage]]\ntype = \"map\"\ntopic = \"x\""
      ),
    ]
    for text in others { #expect(try load(text).warnings == []) }
  }

  @Test func `a stage that leads away from the subscription makes no loop`() throws {
    let text = sample(
      source: "decode = \"json\"",
      upstream: "topics = [\"sensors/a\"]\ntopic = \"far/{topic}\"\n[[upstream.stage]]\n"
        + "type = \"map\"\ntopic = \"x/{topic}\"",
      upstreamURL: "mqtt://127.0.0.1:1883"
    )
    #expect(try load(text).configuration.upstreams[0].stages.count == 1)
  }

  @Test func `the summary shows formats and stages in their order`() throws {
    let text = sample(
      source: "decode = \"json\"\n[[source.stage]]\ntype = \"sample\"\nevery = 2",
      upstream: "[[upstream.stage]]\ntype = \"deadband\"\nfield = \"t\"\nthreshold = 1\n"
        + "topics = [\"a\", \"b\", \"c\", \"d\"]\n[[upstream.stage]]\ntype = \"throttle\"\n"
        + "interval = \"1s\""
    )
    let lines = try load(text).summary.split(separator: "\n").dropFirst(2)
    #expect(
      lines == [
        "  source    floor    mqtt://127.0.0.1:1883 sensors/#, read as json",
        "  stage 1   floor    sample on all topics",
        "  upstream  central  # as event to {topic} at mqtt://127.0.0.1:2883",
        "  stage 1   central  deadband on a, b, c and 1 more",
        "  stage 2   central  throttle on all topics",
      ]
    )
  }
}
