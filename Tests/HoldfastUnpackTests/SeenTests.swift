import HoldfastEvent
import HoldfastRingLog
import HoldfastSimulation
import Testing

@testable import HoldfastUnpack

private func identity(_ number: UInt64, agent: String = "e") -> EventIdentity {
  EventIdentity(
    origin: Origin(agent: Array(agent.utf8), log: LogID(high: 1, low: 2)),
    name: .number(number)
  )
}

private func identity(result: String) -> EventIdentity {
  EventIdentity(
    origin: Origin(agent: [101], log: LogID(high: 1, low: 2)),
    name: .result(Array(result.utf8))
  )
}

@Suite struct SeenTests {
  @Test(arguments: 0..<50 as Range<UInt64>)
  func rangesAreWhatASetWouldBe(_ seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var ranges = NumberRanges()
    var set: Set<UInt64> = []
    for _ in 0..<300 {
      let start = UInt64.random(in: 1...200, using: &random)
      let count = [1, 1, 1, UInt64.random(in: 1...20, using: &random)][Int(random.next() % 4)]
      ranges.insert(start..<start + count)
      set.formUnion(start..<start + count)
    }
    for number in 0...230 as ClosedRange<UInt64> {
      #expect(ranges.contains(number) == set.contains(number))
    }
    // As few as there can be, in order.
    for (range, next) in zip(ranges.ranges, ranges.ranges.dropFirst()) {
      #expect(range.upperBound < next.lowerBound)
    }
  }

  @Test func whatFallsOutIsTheOldestAndIsCounted() {
    var table = SeenTable()
    for number in 0..<UInt64(SeenLog.rangeCountMax) { table.insert(identity(1 + 2 * number)) }
    #expect(table.forgottenCount == 0 && table.contains(identity(1)))
    let last = 1 + 2 * UInt64(SeenLog.rangeCountMax)
    table.insert(identity(last))
    #expect(table.forgottenCount == 2048)
    #expect(!table.contains(identity(1)) && !table.contains(identity(4095)))
    #expect(table.contains(identity(4097)) && table.contains(identity(last)))
    #expect(!table.contains(identity(4098)), "nothing counts as seen that was not")
    for number in 0...SeenLog.resultCountMax { table.insert(identity(result: "r-\(number)")) }
    #expect(table.forgottenCount == 4096)
    #expect(!table.contains(identity(result: "r-2047")))
    #expect(table.contains(identity(result: "r-2048")))
  }

  @Test func memoryIsBoundedWhateverTheNumberOfAgents() {
    var table = SeenTable(memoryByteCountMax: 100_000)
    for number in 0..<2000 { table.insert(identity(5, agent: "agent-\(number)")) }
    #expect(table.logCount > 300 && table.logCount < 400, "\(table.logCount)")
    #expect(table.contains(identity(5, agent: "agent-1999")))
    #expect(!table.contains(identity(5, agent: "agent-0")))
    #expect(Int(table.forgottenCount) + table.logCount == 2000)
  }

  @Test func aTableComesBackFromItsBytesAndDamageDoesNotTrap() {
    var table = SeenTable()
    var random = SplitMix64(seed: 4)
    for _ in 0..<200 {
      table.insert(identity(random.next() % 5000 + 1, agent: "a\(random.next() % 7)"))
      table.insert(identity(result: "\(random.next() % 90)"))
    }
    let bytes = table.encoded
    var copy = SeenTable()
    let isRead = copy.insert(encoded: bytes[...])
    #expect(isRead && copy.encoded == bytes)
    for index in bytes.indices {
      var other = SeenTable()
      let isCutRead = other.insert(encoded: bytes[..<index])
      #expect(!isCutRead)
      var damaged = bytes
      damaged[index] ^= 0xA5
      _ = other.insert(encoded: damaged[...])
    }
  }

  /// Kill and power cut after every operation of the disk: what was saved is known again.
  @Test func whatWasSavedIsKnownAfterACrashAtAnyPoint() throws {
    for lastOperation in 1..<140 {
      for isPowerCut in [false, true] {
        let disk = SimulatedDisk(seed: UInt64(lastOperation))
        disk.lastOperation = lastOperation
        var saved: UInt64 = 0
        do {
          var file = SeenFile(disk: disk, memoryByteCountMax: 1 << 20)
          try file.open()
          for number in 1...UInt64(20) {
            file.insert(identity(number * 3))
            try file.save()
            saved = number
          }
        } catch {}
        disk.lastOperation = .max
        if isPowerCut { disk.crash() } else { disk.kill() }
        var file = SeenFile(disk: disk, memoryByteCountMax: 1 << 20)
        try file.open()
        for number in 1..<saved + 1 {
          #expect(file.seen.contains(identity(number * 3)), "\(number) of \(lastOperation)")
        }
        #expect(!file.seen.contains(identity(saved * 3 + 6)), "\(lastOperation)")
      }
    }
  }

  @Test func aFailedSaveIsMadeUpForByTheNext() throws {
    let disk = SimulatedDisk(seed: 1)
    var file = SeenFile(disk: disk, memoryByteCountMax: 1 << 20)
    try file.open()
    file.insert(identity(1))
    disk.fault = { operation, _ in operation == .sync ? 5 : nil }
    #expect(throws: DiskError.self) { try file.save() }
    #expect(file.needsSave)
    disk.fault = nil
    file.insert(identity(9))
    try file.save()
    #expect(!file.needsSave)
    disk.crash()
    var again = SeenFile(disk: disk, memoryByteCountMax: 1 << 20)
    try again.open()
    #expect(again.seen.contains(identity(1)) && again.seen.contains(identity(9)))
  }

  @Test func theFileStaysSmallHoweverMuchPassesThrough() throws {
    let disk = SimulatedDisk(seed: 1)
    var file = SeenFile(disk: disk, memoryByteCountMax: 1 << 20)
    try file.open()
    for number in 1...UInt64(60_000) {
      file.insert(identity(number))
      try file.save()
    }
    #expect(disk.byteCount < 3 << 20)
  }
}
