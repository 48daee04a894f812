import HoldfastAgent
import HoldfastConfiguration
import HoldfastEvent
import HoldfastUpstream
import Testing

@Suite struct PaceTests {
  private func upstream(_ lines: String) throws -> UpstreamConfiguration {
    try load(sample(upstream: lines)).configuration.upstreams[0]
  }

  @Test func aBudgetIsReadInBitsAndKeptInBytes() throws {
    #expect(try upstream("").budgetByteCount == nil)
    for (text, bytes) in [
      ("1kbit/s", 125), ("64kbit/s", 8000), ("64 kbit/s", 8000), ("2Mbit/s", 250_000),
      ("10Gbit/s", 1_250_000_000), ("9600bit/s", 1200),
    ] {
      #expect(try upstream("budget = \"\(text)\"").budgetByteCount == bytes)
    }
  }

  @Test func windowsAreMinutesOfTheDay() throws {
    let windows = #"["22:00-06:00", "12:30-24:00", "13:00-00:00"]"#
    let schedule = try upstream("schedule = \(windows)").schedule
    #expect(schedule.anything.map(\.from) == [1320, 750, 780])
    #expect(schedule.anything.map(\.to) == [360, 1440, 1440])
  }

  @Test func aBudgetIsSharedWithAnUpstreamThatHasOne() throws {
    let second = """
      budget = "64kbit/s"
      except_topics = ["a/+/alarm"]
      [[upstream]]
      name = "alarms"
      url = "mqtt://central.example:1883"
      topics = ["a/+/alarm"]
      budget_of = "central"
      priority = 9
      """
    let loaded = try load(sample(upstream: second))
    #expect(loaded.warnings == [])
    let upstreams = loaded.configuration.upstreams
    #expect(upstreams.map(\.budgetOwner) == [nil, "central"])
    #expect(upstreams.map(\.priority) == [0, 9])
    #expect(upstreams[0].exceptTopics.map(\.description) == ["a/+/alarm"])
    #expect(loaded.configuration.budgetByteCount(ofUpstream: 1) == 8000)
  }

  @Test(arguments: [
    (#"budget = 64"#, "must be a rate"),
    (#"budget = "64""#, "without a unit"),
    (#"budget = "64KiB/s""#, "unknown unit"),
    (#"budget = "0kbit/s""#, "outside its range"),
    (#"budget = "11Gbit/s""#, "outside its range"),
    (#"budget_of = "nobody""#, "no other upstream with a budget"),
    (#"budget_of = "central""#, "no other upstream with a budget"),
    ("budget = \"1Mbit/s\"\nbudget_of = \"x\"", "beside a budget of its own"),
    (#"priority = 10"#, "outside its range"),
    (#"schedule = []"#, "holds 0 windows"),
    (#"schedule = "22:00-06:00""#, "must be an array"),
    (#"schedule = ["22-6"]"#, "no part of a day"),
    (#"schedule = ["22:00-22:00"]"#, "no part of a day"),
    (#"schedule = ["24:01-06:00"]"#, "no part of a day"),
    (#"schedule = ["22:60-06:00"]"#, "no part of a day"),
    (#"schedule = ["2a:00-06:00"]"#, "no part of a day"),
    (#"order = "newest-first""#, "\"newest-first\""),
    (#"backlog_schedule = ["01:00-05:00"]"#, "is for order"),
    (
      "order = \"live-first\"\n[[upstream.stage]]\ntype = \"window\"\nsize = \"1m\"\naggregates = [\"count\"]",
      "they hold back events, or sums of them"
    ),
    (
      "order = \"live-first\"\n[[upstream.stage]]\ntype = \"throttle\"\ninterval = \"1m\"\nsend = \"last\"",
      "they hold back events, or sums of them"
    ),
    (#"except_topics = ["a/#/b"]"#, "no topic filter"),
  ])
  func whatIsWrongIsTold(_ lines: String, _ words: String) {
    let problems = problems(of: sample(upstream: lines)).map { "\($0.what); \($0.remedy)" }
    #expect(problems.contains { $0.contains(words) }, "\(problems)")
  }

  @Test func stagesThatHoldNothingBackMayHaveLiveDataFirst() throws {
    let stages = "[[upstream.stage]]\ntype = \"sample\"\nevery = 2"
    let central = try upstream("order = \"live-first\"\n\(stages)")
    #expect(central.order == .liveFirst && central.canBeDivided && !central.stages.isEmpty)
  }

  @Test func aPriorityThatNobodySharesIsWarnedAbout() throws {
    #expect(try load(sample(upstream: "priority = 3")).warnings.count == 1)
  }
}
