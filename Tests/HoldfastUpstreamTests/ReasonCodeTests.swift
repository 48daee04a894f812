import HoldfastEvent
import HoldfastRingLog
import HoldfastUpstream
import Testing

@Suite struct ReasonCodeTests {
  private static func bench(_ count: Int, inFlight: Int = 1) -> Bench {
    var bench = Bench {
      $0.inFlightMax = inFlight
      $0.refusalTryCountMax = 2
    }
    for number in 1...count { bench.log.append("a", "\(number)") }
    bench.connect()
    return bench
  }

  @Test func `no matching subscribers is delivered, counted, told once and shown until it ends`() {
    var bench = Self.bench(4)
    for _ in 0..<3 { bench.acknowledge(bench.take(), 0x10) }
    #expect(bench.ledger.delivered == 3)
    #expect(bench.forwarder.unheardCount == 3 && bench.forwarder.isUnheard)
    #expect(bench.lines.count { $0.message.contains("no subscriber") } == 1)
    bench.acknowledge(bench.take())
    #expect(bench.forwarder.unheardCount == 3 && !bench.forwarder.isUnheard)
    #expect(bench.forwarder.refusalCount == 0 && bench.forwarder.refusalText == nil)
  }

  @Test(arguments: [0x80, 0x83, 0x91, 0xFF] as [UInt8])
  func `what is refused is kept, counted and an alarm until it is taken`(_ code: UInt8) throws {
    var bench = Self.bench(2)
    for round in 1...5 {
      bench.acknowledge(bench.take(), code)
      #expect(bench.forwarder.refusalCount == UInt64(round))
      #expect(bench.forwarder.refusalText?.contains("(0x") == true)
      #expect(bench.ledger.cursor == 1 && bench.letters.isEmpty)
      try bench.wake()
    }
    bench.acknowledge(bench.take())
    #expect(bench.forwarder.refusalText == nil)
    #expect(bench.ledger.delivered == 1)
  }

  @Test func `a refused topic stays an alarm while what follows on it is set aside`() throws {
    var bench = Self.bench(6)
    for _ in 0..<2 {
      bench.acknowledge(bench.take(), 0x87)
      if bench.letters.isEmpty, bench.forwarder.wakeAt != nil { try bench.wake() }
    }
    bench.log.append("b", "other")
    for _ in 0..<40 {
      let messages = bench.take()
      if !messages.isEmpty {
        bench.acknowledge(messages, messages[0].topic == "a" ? 0x87 : 0)
      } else if bench.forwarder.wakeAt != nil {
        try bench.wake()
      }
    }
    #expect(bench.letters.count == 6)
    #expect(bench.forwarder.refusalText == "not authorized (0x87)")
    bench.close()
    #expect(bench.forwarder.refusalText == nil, "not connected is another matter")
  }

  @Test func `a peer that has too much to do is no alarm`() {
    var bench = Self.bench(2)
    bench.acknowledge(bench.take(), 0x97)
    #expect(bench.forwarder.refusalCount == 1)
    #expect(bench.forwarder.refusalText == nil)
  }
}
