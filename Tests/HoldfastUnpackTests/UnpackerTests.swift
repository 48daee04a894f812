import HoldfastEvent
import HoldfastIntake
import HoldfastLink
import HoldfastRingLog
import HoldfastSimulation
import HoldfastUpstream
import Testing

@testable import HoldfastUnpack

private func numbers(_ messages: [Shipped]) -> [Int] {
  messages.compactMap { Int($0["seq"] ?? "") }
}

@Suite struct UnpackerTests {
  @Test(arguments: MessageFormat.allCases)
  func eventsGoOnOnTheirOriginalTopicsWithTheirIdentity(_ format: MessageFormat) throws {
    let readings = readings(300, seed: 3)
    var centre = try Centre(
      shipped(readings, format: format, compression: format == .event ? .none : .zstd),
      seed: 1
    )
    try centre.start()
    centre.expectFinished()
    #expect(centre.arrived.count == 300)
    for (index, (message, reading)) in zip(centre.arrived, readings).enumerated() {
      #expect(message.topic == reading.topic && message.payload == reading.payload)
      #expect(message["agent"] == "edge-1" && message["seq"] == "\(index + 1)")
      #expect(message["log"] == LogID(high: 7, low: 9).description)
      #expect(message["time"] == "2026-01-01T00:00:00.123Z")
    }
    #expect(centre.counts.repeated == 0 && centre.counts.unreadable == 0)
  }

  @Test func whatCameBeforeIsLeftOutAlsoAfterARestart() throws {
    let batches = shipped(readings(200, seed: 3), count: 50)
    var centre = try Centre(batches + batches, seed: 1)
    try centre.start()
    centre.expectFinished()
    #expect(centre.arrived.count == 200 && centre.counts.repeated == 200)
    centre.kill(isPowerCut: true)
    // The same events again, cut otherwise and in another format.
    centre.ship(shipped(readings(200, seed: 3), format: .lines, count: 33))
    try centre.start()
    centre.expectFinished()
    #expect(centre.arrived.count == 200)
    #expect(centre.counts.repeated == 200)
  }

  @Test(arguments: MessageFormat.allCases)
  func `replays of what was passed on go on, marked, or are left out where that is wanted`(
    _ format: MessageFormat
  ) throws {
    for passes in [true, false] {
      let readings = readings(200, seed: 3)
      let live = shipped(Array(readings.prefix(150)), format: format, count: 50)
      let replay = shipped(readings, format: format, count: 33, isReplay: true)
      var centre = try Centre(live, seed: 1)
      centre.configuration.passesReplays = passes
      try centre.start()
      centre.expectFinished()
      centre.ship(replay)
      centre.expectFinished()
      // What was not passed on before goes on either way.
      #expect(centre.arrived.count == (passes ? 350 : 200))
      #expect(centre.counts.replayed == (passes ? 150 : 0))
      #expect(centre.counts.repeated == (passes ? 0 : 150))
      let again = centre.arrived.dropFirst(150)
      #expect(again.allSatisfy { $0["replay"] == "true" })
      #expect(centre.arrived.prefix(150).allSatisfy { $0["replay"] == nil })
      for message in again {
        let number = try #require(Int(message["seq"] ?? ""))
        #expect(message.payload == readings[number - 1].payload)
      }
    }
  }

  @Test func anotherAgentsAndAnotherLogsEventsOfTheSameNumbersAreOthers() throws {
    let readings = readings(20, seed: 3)
    let batches =
      shipped(readings) + shipped(readings, agent: "edge-2")
      + shipped(readings, log: LogID(high: 7, low: 10))
    var centre = try Centre(batches, seed: 1)
    try centre.start()
    centre.expectFinished()
    #expect(centre.arrived.count == 60)
  }

  /// Kills and power cuts at random, links that break, a disk that fails for a while: nothing is
  /// lost, and only what was in flight is repeated, with equal identity.
  @Test(arguments: 0..<150 as Range<UInt64>)
  func killedAtRandomItLosesNothingAndRepeatsOnlyWhatWasInFlight(_ seed: UInt64) throws {
    let readings = readings(1500, seed: seed)
    let format = MessageFormat.allCases[Int(seed % UInt64(MessageFormat.allCases.count))]
    let messages = shipped(
      readings,
      format: format,
      compression: format == .event ? .none : .gzip,
      count: 1 + Int(seed % 60)
    )
    let toLines = seed % 5 == 4
    var centre = try Centre(messages, seed: seed, toLines: toLines)
    centre.window = 1 + Int(seed % 20)
    try centre.start()
    var repeatedMax = 0
    for turn in 0..<600 where !centre.session.isEmpty {
      centre.turn()
      switch centre.random.next() % 60 {
      case 0: centre.loseSource(telling: true)
      case 1: centre.loseUpstream(telling: true)
      case 2:
        // What the broker has handed over, or could, was in flight.
        centre.disk.fault = nil
        repeatedMax += centre.window * (format == .event ? 1 : 1 + Int(seed % 60))
        centre.kill(isPowerCut: centre.random.next() % 2 == 0)
        try centre.start()
      case 3 where turn % 2 == 0:
        centre.disk.fault = { operation, _ in operation == .sync ? 5 : nil }
      default: centre.disk.fault = nil
      }
    }
    centre.disk.fault = nil
    centre.expectFinished()
    if toLines {
      let lines = centre.lines.split(separator: 10)
      #expect(lines.count >= 1500 && lines.count <= 1500 + repeatedMax)
      #expect(Set(lines.map { Array($0) }).count == 1500)
      return
    }
    var seen: [Int: Shipped] = [:]
    for message in centre.arrived {
      let number = try #require(Int(message["seq"] ?? ""))
      #expect(message.topic == readings[number - 1].topic)
      #expect(message.payload == readings[number - 1].payload)
      if let other = seen[number] { #expect(other == message) }
      seen[number] = message
    }
    #expect(seen.count == 1500, "lost: \(Set(1...1500).subtracting(seen.keys).sorted())")
    #expect(
      centre.arrived.count - 1500 <= repeatedMax,
      "\(centre.arrived.count - 1500) of \(repeatedMax) after \(centre.killCount) kills"
    )
  }

  @Test func nothingIsAcknowledgedBeforeItIsSaved() throws {
    var centre = try Centre(shipped(readings(50, seed: 1), count: 10), seed: 2)
    try centre.start()
    centre.disk.fault = { operation, _ in operation == .sync ? 5 : nil }
    let isFinished = centre.finish(turns: 500)
    #expect(!isFinished)
    #expect(!centre.arrived.isEmpty && centre.session.count == 5)
    #expect(centre.log.contains { $0.message.contains("nothing is acknowledged until") })
    centre.disk.fault = nil
    centre.expectFinished()
    #expect(centre.arrived.count == 50)
  }

  @Test func aSourceWhoseRoundTakesTooLongIsLetGoAndComesBack() throws {
    var centre = try Centre(shipped(readings(50, seed: 1), count: 10), seed: 2)
    try centre.start()
    centre.refusal = { _ in 0x97 }
    for _ in 0..<3000 { centre.turn() }
    #expect(centre.log.contains { $0.message.contains("its session waits at the broker") })
    #expect(!centre.session.isEmpty)
    centre.refusal = { _ in 0 }
    centre.expectFinished()
    #expect(Set(numbers(centre.arrived)).count == 50)
  }

  @Test func whatCannotBeReadIsSetAsideAndHoldsNothingUp() throws {
    var batches = shipped(readings(40, seed: 1), count: 10)
    batches[1].payload = Array("nonsense".utf8)
    batches[2].properties =
      EventProperties(pairs: [
        .init(name: Array("agent".utf8), value: Array("edge-9".utf8))
      ]).encoded
    var centre = try Centre(batches, seed: 2)
    try centre.start()
    centre.expectFinished()
    #expect(numbers(centre.arrived) == Array(1...10) + Array(31...40))
    #expect(centre.counts.unreadable == 2 && centre.counts.deadLetters == 2)
    let file = RecordFile(disk: centre.disk, name: Unpacker.deadLetterName, byteCountMax: 1 << 20)
    let letters = try file.records().compactMap { DeadLetter(record: $0) }
    #expect(letters.map(\.payload) == [Array("nonsense".utf8), batches[2].payload])
    #expect(letters[0].reason == "can't be unpacked: it is no batch of Holdfast's")
  }

  @Test func whatTheUpstreamRefusesForGoodIsSetAsideAndNotSentAgain() throws {
    var centre = try Centre(shipped(readings(40, seed: 1), count: 10), seed: 2)
    centre.refusal = { $0["seq"] == "7" ? 0x90 : 0 }
    try centre.start()
    centre.expectFinished()
    #expect(Set(numbers(centre.arrived)) == Set(1...40).subtracting([7]))
    let file = RecordFile(disk: centre.disk, name: Unpacker.deadLetterName, byteCountMax: 1 << 20)
    #expect(try file.records().count == 1)
  }

  @Test func onOneBrokerNothingComesBack() throws {
    let loop = [Reading("holdfast/x/events", [1]), Reading("hall", [2])]
    var centre = try Centre(shipped(loop), seed: 2)
    centre.configuration.loopFilters = centre.configuration.source.topics
    try centre.start()
    centre.expectFinished()
    #expect(centre.arrived.map(\.payload) == [[2]])
    #expect(centre.counts.looping == 1 && centre.counts.deadLetters == 1)
  }

  @Test func topicsAreFilledInByTheEventAndSelectedByTheOriginal() throws {
    let two = [Reading("hall/1", [1]), Reading("yard/1", [2])]
    var centre = try Centre(shipped(two, agent: "edge-7"), seed: 2)
    centre.configuration.upstream?.topicTemplate = "sites/{agent}/{topic}/{upstream}"
    centre.configuration.upstream?.topics = [TopicFilter("hall/#")].compactMap { $0 }
    try centre.start()
    centre.expectFinished()
    #expect(
      centre.arrived.map { String(decoding: $0.topic, as: UTF8.self) } == [
        "sites/edge-7/hall/1/plant"
      ]
    )
    #expect(centre.counts.filtered == 1)
  }

  @Test func sharesDivideTheAgentsAmongThem() throws {
    let batches = (0..<40).flatMap { shipped(readings(5, seed: 1), agent: "edge-\($0)") }
    var agents: [String] = []
    for index in 0..<3 {
      var centre = try Centre(batches, seed: 2)
      centre.configuration.share = Share(index: index, count: 3)
      try centre.start()
      centre.expectFinished()
      let own = Set(centre.arrived.compactMap { $0["agent"] })
      #expect(own.count > 5 && centre.arrived.count == own.count * 5)
      #expect(centre.counts.others == 40 - UInt64(own.count))
      agents += own
    }
    #expect(agents.count == 40 && Set(agents).count == 40)
  }

  @Test(arguments: ["", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3", "1/1025", "-1/2"])
  func aShareThatIsNoneIsRefused(_ text: String) { #expect(Share(text) == nil) }

  @Test func aReplayIsPassedOnAlthoughItWasSeen() throws {
    let event = shipped([Reading("hall", [1])], format: .event)
    var again = event[0]
    again.properties +=
      EventProperties(pairs: [
        .init(name: Array("replay".utf8), value: Array("true".utf8))
      ]).encoded
    var centre = try Centre(event + event + [again], seed: 2)
    try centre.start()
    centre.expectFinished()
    #expect(centre.arrived.map { $0["replay"] } == [nil, "true"])
  }

  @Test func whatWaitsTakesBoundedMemory() throws {
    let large = (0..<40).map { _ in Reading("hall", [UInt8](repeating: 65, count: 1 << 20)) }
    var batches: [Shipped] = []
    for (index, reading) in large.enumerated() {
      batches += shipped([reading], first: UInt64(index + 1), compression: .zstd)
    }
    var centre = try Centre(batches, seed: 2)
    try centre.start()
    centre.refusal = { _ in 0x97 }
    for _ in 0..<200 { centre.turn() }
    // The window is 40 MiB unpacked; decoded are 8 MiB and what exceeds them by one message.
    #expect(centre.published.count < 500)
    #expect(centre.counts.events <= 9)
    centre.refusal = { _ in 0 }
    centre.expectFinished()
    #expect(Set(numbers(centre.arrived)).count == 40)
  }
}
