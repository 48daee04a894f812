import HoldfastEvent
import Testing

@testable import HoldfastRingLog

/// Rows and headers, there and back, and what nobody wrote.
@Suite struct RowTests {
  @Test(arguments: [1_000, 1_000_000] as [Int64])
  func `a chain of blocks gives back every event`(ticksPerSecond: Int64) throws {
    var random = SplitMix64(seed: UInt64(ticksPerSecond))
    var encoder = RowEncoder(ticksPerSecond: ticksPerSecond)
    var stamper = RowStamper(ticksPerSecond: ticksPerSecond)
    var decoder = RowDecoder()
    encoder.beginChain()
    decoder.beginChain()
    var clock = ClockReading(boot: 3_000_000, wall: 1_700_000_000_000_000)
    for _ in 0..<20 {
      encoder.beginBlock()
      var events = randomEvents(Int(random.next() % 60) + 1, &clock, &random)
      stamper.stamp(&events)
      events.bytes.withUnsafeBytes { bytes in
        for row in events.rows { encoder.append(row, bytes) }
      }
      let header = header(of: encoder, ticksPerSecond: ticksPerSecond)
      let result = decoder.decode(encoder.raw, header: header)
      let decoded = try #require(result)
      try #require(decoded.count == events.count)
      for index in events.rows.indices {
        #expect(decoded.topic(index) == events.topic(index))
        #expect(decoded.payload(index) == events.payload(index))
        if events.rows[index].propertiesByteCount > 0 {
          #expect(decoded.properties(index) == events.properties(index))
        }
        #expect(decoded.rows[index].wall == events.rows[index].wall)
        #expect(decoded.rows[index].boot == events.rows[index].boot)
        #expect(decoded.rows[index].flags == events.rows[index].flags)
        #expect(decoded.rows[index].source == events.rows[index].source)
      }
    }
  }

  @Test func `rows that nobody wrote are refused or harmless, never a trap`() {
    var random = SplitMix64(seed: 5)
    var encoder = RowEncoder(ticksPerSecond: 1000)
    encoder.beginChain()
    var clock = ClockReading(boot: 3_000_000, wall: 1_700_000_000_000_000)
    let events = randomEvents(30, &clock, &random)
    events.bytes.withUnsafeBytes { bytes in
      for row in events.rows { encoder.append(row, bytes) }
    }
    var header = header(of: encoder, ticksPerSecond: 1000)
    var refused = 0
    for round in 0..<20_000 {
      var decoder = RowDecoder()
      decoder.beginChain()
      var raw = encoder.raw
      if round % 3 == 0 {
        raw = (0..<random.next() % 200).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        header.boot = Int64(truncatingIfNeeded: random.next())
        header.wall = Int64(truncatingIfNeeded: random.next())
      } else {
        for _ in 0...random.next() % 4 {
          raw[Int(random.next() % UInt64(raw.count))] = UInt8(truncatingIfNeeded: random.next())
        }
        if round % 3 == 1 { raw.removeLast(Int(random.next() % UInt64(raw.count))) }
      }
      header.eventCount = Int(random.next() % 64) + 1
      header.rawByteCount = raw.count
      guard let batch = decoder.decode(raw, header: header) else {
        refused += 1
        continue
      }
      // Whatever was accepted lies within the batch.
      for index in batch.rows.indices {
        _ = (batch.topic(index).count, batch.payload(index).count)
        if batch.rows[index].propertiesByteCount > 0 {
          _ = EventProperties(encoded: batch.properties(index))
        }
      }
    }
    #expect(refused > 10_000)
  }

  @Test func `a header with any bit flipped is no header of this version`() {
    let header = BlockHeader(
      flags: 1,
      payloadByteCount: 40,
      rawByteCount: 60,
      epoch: 3,
      log: LogID(high: 1, low: 2),
      first: 9,
      eventCount: 4,
      chainIndex: 0,
      ticksPerSecond: 1000,
      wall: -5,
      boot: 7,
      bootID: 8,
      durable: 8,
      payloadChecksum: 0x1234_5678
    )
    var bytes = [UInt8](repeating: 0, count: Format.headerByteCount)
    header.encode(into: &bytes, at: 0)
    #expect(BlockHeader.read(bytes[...]) == .header(header))
    for bit in 0..<bytes.count * 8 {
      var damaged = bytes
      damaged[bit / 8] ^= 1 << (bit % 8)
      #expect(BlockHeader.read(damaged[...]) == .nothing)
    }
    for count in 0..<bytes.count {
      #expect(BlockHeader.read(bytes[..<count]) == .nothing)
    }
  }

  private func header(of encoder: borrowing RowEncoder, ticksPerSecond: Int64) -> BlockHeader {
    BlockHeader(
      flags: 1,
      payloadByteCount: 0,
      rawByteCount: encoder.raw.count,
      epoch: 1,
      log: LogID(high: 1, low: 2),
      first: 1,
      eventCount: encoder.eventCount,
      chainIndex: 0,
      ticksPerSecond: UInt32(ticksPerSecond),
      wall: encoder.wall,
      boot: encoder.boot,
      bootID: 1,
      durable: 0,
      payloadChecksum: 0
    )
  }

  private func randomEvents(
    _ count: Int,
    _ clock: inout ClockReading,
    _ random: inout SplitMix64
  ) -> EventBatch {
    var events = EventBatch()
    let someBytes = { (count: UInt64, random: inout SplitMix64) in
      (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }
    for _ in 0..<count {
      let step = Int64(random.next() % 900_000)
      clock.boot += step
      clock.wall += step
      let hasProperties = random.next() % 5 == 0
      events.append(
        topic: Array("t/\(random.next() % 40)".utf8) + someBytes(random.next() % 2, &random),
        payload: someBytes(random.next() % 300, &random),
        properties: hasProperties
          ? EventProperties(contentType: [1], pairs: [.init(name: [2], value: [3, 4])]).encoded
          : [],
        clock: clock,
        source: UInt8(random.next() % 3),
        flags: EventFlags(rawValue: UInt8(random.next() % 8))
      )
    }
    return events
  }
}
