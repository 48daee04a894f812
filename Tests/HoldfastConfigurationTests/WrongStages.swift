private typealias Wrong = WrongConfiguration

/// A right file with one stage of the central upstream, whose payloads are JSON.
func stageSample(_ lines: String, ring: String = "", end: String = "") -> String {
  sample(
    ring: ring,
    source: "decode = \"json\"",
    upstream: "[[upstream.stage]]\n\(lines)",
    end: end
  )
}

/// One wrong line, the last of a stage that is right without it.
private func inStage(
  _ key: String,
  _ words: String,
  _ line: String,
  of type: String,
  with more: String = ""
) -> WrongConfiguration {
  Wrong(key, words, stageSample("type = \"\(type)\"\n\(more)\n\(line) #!"))
}

/// A stage that lacks something, which is told at its header.
private func inHeader(_ key: String, _ words: String, _ lines: String) -> WrongConfiguration {
  Wrong(
    key,
    words,
    sample(source: "decode = \"json\"", upstream: "[[upstream.stage]] #!\n\(lines)")
  )
}

/// One wrong line of a source's stage.
private func inSourceStage(
  _ key: String,
  _ words: String,
  _ line: String,
  with more: String = ""
) -> WrongConfiguration {
  Wrong(
    key,
    words,
    sample(source: "decode = \"json\"\n[[source.stage]]\n\(line) #!\n\(more)")
  )
}

private let window = "fields = [\"t\"]\nsize = \"1m\"\naggregates = [\"mean\"]"
private let sized = "fields = [\"t\"]\nsize = \"1m\""
private let averaged = "fields = [\"t\"]\naggregates = [\"mean\"]"
private let alarm = "field = \"t\"\non = 80\noff = 75"
private let burstBefore = "when = \"t > 3\"\ninterval = \"1m\"\nbefore = \"30s\""
private let burst = burstBefore + "\nafter = \"1m\""
private let deadband = "field = \"t\"\nthreshold = \"0.5\""

let wrongStages: [WrongConfiguration] = [
  // The list.
  inHeader("type", "has no type", "topics = [\"a\"]"),
  Wrong("type", #"did you mean "deadband"?"#, stageSample("type = \"dead_band\" #!")),
  Wrong("type", #""swinging-door""#, stageSample("type = \"average\" #!")),
  Wrong("type", "must be a string", stageSample("type = 7 #!")),
  Wrong("stages", #"did you mean "stage"?"#, sample(upstream: "stages = [] #!")),
  Wrong("stage", "begin each with [[upstream.stage]]", sample(upstream: "stage = 1 #!")),
  Wrong("stage", "must hold tables", sample(upstream: "stage = [1] #!")),
  Wrong(
    "stage",
    "begin each with [[upstream.stage]]",
    sample(upstream: "[upstream.stage] #!\ntype = \"sample\"\nevery = 2")
  ),
  Wrong(
    "stage",
    "at most 32 stages",
    sample(
      upstream: "[[upstream.stage]] #!\ntype = \"sample\"\nevery = 2\n"
        + String(repeating: "[[upstream.stage]]\ntype = \"sample\"\nevery = 2\n", count: 32)
    )
  ),
  inStage("topics", "no topic filter", #"topics = ["a/#/b"]"#, of: "sample", with: "every = 2"),
  inStage("topics", "shared", #"topics = ["$share/g/a"]"#, of: "sample", with: "every = 2"),
  inStage("topics", "holds 0 filters", "topics = []", of: "sample", with: "every = 2"),
  inStage("max_topics", "from 1 to 100000", "max_topics = 0", of: "sample", with: "every = 2"),
  inStage(
    "retain",
    "move it to [[upstream]]",
    #"retain = "never""#,
    of: "sample",
    with: "every = 2"
  ),
  inStage("max_inteval", #"did you mean "max_interval"?"#, #"max_inteval = "1h""#, of: "changed"),

  // Keys of other types.
  inStage(
    "max_topics",
    #"belongs to type = "changed""#,
    "max_topics = 5",
    of: "map",
    with: "topic = \"x\""
  ),
  inStage(
    "deviation",
    #"belongs to type = "swinging-door""#,
    "deviation = 1",
    of: "deadband",
    with: deadband
  ),
  inStage("field", #"did you mean "fields"?"#, #"field = "t""#, of: "changed"),
  inStage(
    "every",
    "throttle takes topics, interval, send",
    "every = 2",
    of: "throttle",
    with: "interval = \"1s\""
  ),

  // drop and keep.
  inHeader("when", "has no when", "type = \"keep\"\ntopics = [\"a\"]"),
  inHeader("when", "has no when", "type = \"drop\""),
  inStage("when", "must be a string", "when = true", of: "drop"),
  inStage("when", "column 3", #"when = "t ! 3""#, of: "drop"),
  inStage("when", "column 9", #"when = "  t > 3 xor""#, of: "keep"),
  inStage("when", "column 1:", #"when = """#, of: "keep"),

  // map.
  Wrong(
    "type",
    "changes nothing",
    sample(source: "decode = \"json\"", upstream: "[[upstream.stage]]\ntype = \"map\" #!")
  ),
  inStage("select", "must be an array", #"select = "a""#, of: "map"),
  inStage("select", "holds 0 paths", "select = []", of: "map"),
  inStage("select", "column 3", #"select = ["a."]"#, of: "map"),
  inStage("remove", "stands twice", #"remove = ["a", "a"]"#, of: "map"),
  Wrong(
    "remove",
    "column 5",
    stageSample("type = \"map\"\nremove = [\n  \"a\",\n  \"b.c..\", #!\n]")
  ),
  inStage("rename", "must be a table", #"rename = ["a"]"#, of: "map"),
  inStage("rename", "holds 0 entries", "rename = {}", of: "map"),
  inStage("rename", "a path", #"rename = { "a.b" = "a.c" }"#, of: "map"),
  inStage("rename", "must be a string", #"rename = { a = 1 }"#, of: "map"),
  inStage("rename", "1 to 256 bytes", #"rename = { a = "" }"#, of: "map"),
  inStage("rename", "column 3", #"rename = { "a." = "b" }"#, of: "map"),
  inStage("rename", "the whole payload", #"rename = { "" = "b" }"#, of: "map"),
  inStage("add", "must be a table", "add = 1", of: "map"),
  inStage("add", "is no JSON value", "add = { a = [1] }", of: "map"),
  inStage("add", "is no JSON value", "add = { a = inf }", of: "map"),
  inStage("add", "the stage has no topics", #"add = { a = "{1}" }"#, of: "map"),
  inStage("add", "without its partner", #"add = { a = "{" }"#, of: "map"),
  inStage("add", "unknown placeholder", #"add = { a = "{site}" }"#, of: "map"),
  inStage(
    "topic",
    #""a/+" has 1 wildcard"#,
    #"topic = "x/{2}""#,
    of: "map",
    with: "topics = [\"a/+\"]"
  ),
  inStage("topic", #"did you mean "{topic}"?"#, #"topic = "{topics}""#, of: "map"),
  inStage("topic", "makes no topic", #"topic = "a/#""#, of: "map"),
  Wrong(
    "field",
    "has no field",
    stageSample("type = \"map\"\n[[upstream.stage.compute]] #!\nscale = 2")
  ),
  Wrong(
    "field",
    "computes nothing",
    stageSample("type = \"map\"\n[[upstream.stage.compute]] #!\nfield = \"a\"")
  ),
  Wrong("compute", "must hold tables", stageSample("type = \"map\"\ncompute = [1] #!")),
  inCompute("scale", "makes all values equal", "scale = 0"),
  inCompute("scale", "no number", #"scale = "1,5""#),
  inCompute("offset", "not true or false", "offset = true"),
  inCompute("offset", "is not finite", "offset = nan"),
  inCompute("max", "is below min", "max = 1", with: "min = 2"),
  inCompute("round", "from 0 to 15", "round = 16"),
  inCompute("rounds", #"did you mean "round"?"#, "rounds = 2", with: "scale = 2"),
  inCompute("offset", "which is a percentage", #"offset = "2%""#),

  // changed, deadband, swinging-door.
  inStage("max_interval", "outside its range", #"max_interval = "10ms""#, of: "changed"),
  inStage("max_interval", "unknown unit", #"max_interval = "1w""#, of: "changed"),
  inStage("fields", "give 1 to 32", "fields = [\(manyFields(33))]", of: "changed"),
  inStage("threshold", "is not above 0", "threshold = 0", of: "deadband", with: "field = \"t\""),
  inStage("threshold", "no number", #"threshold = "0.5 K""#, of: "deadband", with: "field = \"t\""),
  inStage("threshold", "no number", #"threshold = "0x10""#, of: "deadband", with: "field = \"t\""),
  inStage("threshold", "up to 100%", #"threshold = "200%""#, of: "deadband", with: "field = \"t\""),
  inStage("threshold", "above 0%", #"threshold = "-1%""#, of: "deadband", with: "field = \"t\""),
  inStage("of", "is for a percentage", #"of = "last""#, of: "deadband", with: deadband),
  inStage("of", #"did you mean "span"?"#, #"of = "spam""#, of: "deadband", with: deadband),
  inStage("span", "is for a percentage", "span = 10", of: "deadband", with: deadband),
  inStage(
    "span",
    "has no meaning",
    "span = 10",
    of: "deadband",
    with: "field = \"t\"\nthreshold = \"2%\""
  ),
  inHeader(
    "span",
    "has no span",
    "type = \"deadband\"\nfield = \"t\"\nthreshold = \"2%\"\nof = \"span\""
  ),
  inHeader("field", "has no field", "type = \"deadband\"\nthreshold = 1"),
  inHeader("threshold", "has no threshold", "type = \"deadband\"\nfield = \"t\""),
  inStage("field", "column 3", #"field = "t.""#, of: "swinging-door", with: "deviation = 1"),
  inStage(
    "deviation",
    "a percentage",
    #"deviation = "2%""#,
    of: "swinging-door",
    with: "field = \"t\""
  ),

  // throttle, sample, dedupe.
  inStage("interval", "without a unit", #"interval = "10""#, of: "throttle"),
  inStage("interval", "10ms", #"interval = "1ms""#, of: "throttle"),
  inStage(
    "send",
    #""first", "last""#,
    #"send = "newest""#,
    of: "throttle",
    with: "interval = \"1s\""
  ),
  inStage("every", "from 1 to", "every = 0", of: "sample"),
  inStage("every", "whole number", "every = 2.5", of: "sample"),
  inStage("span", "in quotes", "span = 60", of: "dedupe"),
  inStage(
    "max_payloads",
    "from 1 to 1024",
    "max_payloads = 2000",
    of: "dedupe",
    with: "span = \"1m\""
  ),

  // window and downsample.
  inStage(
    "aggregates",
    #"did you mean "mean"?"#,
    #"aggregates = ["avg"]"#,
    of: "window",
    with: sized
  ),
  inStage(
    "aggregates",
    #"did you mean "stddev"?"#,
    #"aggregates = ["stdev"]"#,
    of: "window",
    with: sized
  ),
  inStage("aggregates", "is no percentile", #"aggregates = ["p100"]"#, of: "window", with: sized),
  inStage("aggregates", "is no percentile", #"aggregates = ["p0"]"#, of: "window", with: sized),
  inStage("aggregates", "stands twice", #"aggregates = ["max", "max"]"#, of: "window", with: sized),
  inStage("aggregates", "holds 0 aggregates", "aggregates = []", of: "window", with: sized),
  inStage("size", "outside its range", #"size = "10ms""#, of: "window", with: averaged),
  inStage("offset", "is not below size", #"offset = "1m""#, of: "window", with: window),
  inStage("lateness", "outside its range", #"lateness = "8d""#, of: "window", with: window),
  inStage(
    "late",
    #"did you mean "emit-correction"?"#,
    #"late = "emit_corection""#,
    of: "window",
    with: window
  ),
  inStage("time", "column 3", #"time = "a.""#, of: "window", with: window),
  inStage("topic", "unknown placeholder", #"topic = "{agent}/x""#, of: "window", with: window),
  inStage(
    "topic",
    #""a/+" has 1 wildcard"#,
    #"topic = "x/{2}""#,
    of: "window",
    with: window + "\ntopics = [\"a/+\"]"
  ),
  inStage("topic", "the stage has no topics", #"topic = "{1}/x""#, of: "alarm", with: alarm),
  inStage(
    "method",
    #""m4", "lttb""#,
    #"method = "minmax""#,
    of: "downsample",
    with: "field = \"t\"\nsize = \"1m\""
  ),

  inHeader("fields", "has no fields", "type = \"window\"\nsize = \"1m\"\naggregates = [\"max\"]"),

  // alarm and burst.
  inStage("off", "is equal to on", "off = 80", of: "alarm", with: "field = \"t\"\non = 80.0"),
  inStage("duration", "outside its range", #"duration = "31d""#, of: "alarm", with: alarm),
  inStage("pass", "must be true or false", #"pass = "yes""#, of: "alarm", with: alarm),
  inStage("before_events", "from 1 to 1000000", "before_events = 0", of: "burst", with: burst),
  inStage("before_bytes", "outside its range", "before_bytes = 1", of: "burst", with: burst),
  inStage(
    "before_bytes",
    "a quarter of the ring",
    #"before_bytes = "512MiB""#,
    of: "burst",
    with: burst
  ),
  inStage("after", "outside its range", #"after = "2d""#, of: "burst", with: burstBefore),

  // Payloads.
  Wrong("decode", #"did you mean "json"?"#, sample(source: "decode = \"jsno\" #!")),
  Wrong("decode", #""sparkplug""#, sample(source: "decode = \"protobuf\" #!")),
  Wrong("format", "has no format", sample(source: "[[source.decode_topic]] #!\ntopics = [\"a\"]")),
  Wrong(
    "format",
    #""none", "json""#,
    sample(source: "[[source.decode_topic]]\ntopics = [\"a\"]\nformat = \"xml\" #!")
  ),
  Wrong(
    "topics",
    "no topic filter",
    sample(source: "[[source.decode_topic]]\ntopics = [\"a+\"] #!\nformat = \"json\"")
  ),
  Wrong(
    "decode",
    "add decode = \"json\"",
    sample(upstream: "[[upstream.stage]]\ntype = \"deadband\" #!\n" + deadband)
  ),
  Wrong(
    "decode",
    "to the same [[source]]",
    sample(source: "[[source.stage]]\ntype = \"drop\" #!\nwhen = \"t > 3\"")
  ),
  Wrong(
    "undecodable",
    #"did you mean "dead-letter"?"#,
    sample(upstream: "undecodable = \"dead_letter\" #!")
  ),

  // Sources.
  inSourceStage("type", "the log keeps them as they came", #"type = "map""#, with: "topic = \"x\""),
  inSourceStage("type", "makes results", #"type = "window""#, with: window),
  inSourceStage("type", "makes results", #"type = "alarm""#, with: alarm),
  inSourceStage("type", "holds events back", #"type = "burst""#, with: burst),
  inSourceStage("type", "[[upstream.stage]]", #"type = "downsample""#),
  inSourceStage("type", "holds events back", #"type = "swinging-door""#),
  inSourceStage(
    "send",
    "holds events back",
    #"send = "last""#,
    with: "type = \"throttle\"\ninterval = \"1s\""
  ),

  // Loops that a stage makes.
  Wrong(
    "topic",
    "makes a loop: \"sensors/x\"",
    sample(
      source: "decode = \"json\"",
      upstream: "topics = [\"raw\"]\n[[upstream.stage]]\ntype = \"map\"\ntopic = \"sensors/x\" #!",
      upstreamURL: "mqtt://127.0.0.1:1883"
    )
  ),
  Wrong(
    "topic",
    "makes a loop: \"sensors/raw/+\"",
    sample(
      source: "decode = \"json\"",
      upstream: "topics = [\"raw/#\"]\n[[upstream.stage]]\ntype = \"window\"\n\(window)\n"
        + "topics = [\"raw/+\"]\ntopic = \"sensors/{topic}\" #!",
      upstreamURL: "mqtt://127.0.0.1:1883"
    )
  ),
]

private func inCompute(
  _ key: String,
  _ words: String,
  _ line: String,
  with more: String = ""
) -> WrongConfiguration {
  Wrong(
    key,
    words,
    stageSample(
      "type = \"map\"\n[[upstream.stage.compute]]\nfield = \"a\"\n\(more)\n\(line) #!"
    )
  )
}

private func manyFields(_ count: Int) -> String {
  (0..<count).map { "\"f\($0)\"" }.joined(separator: ", ")
}
