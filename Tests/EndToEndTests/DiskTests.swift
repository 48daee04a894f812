import Glibc
import Testing

extension EndToEnd {
  @Suite struct Disks {
    /// Some 60 MB of payloads, of which compression leaves three quarters, for a ring of 32 MiB.
    private static let bulky = ["--padding", "3000", "--topics", "50"]
    private static let bulkyCount = 20_000

    @Test func `a full ring drops the oldest and accounts for each`() async throws {
      let site = try Site(traffic: Self.bulky) { $0.ringSize = "32MiB" }
      try await site.start()
      try await site.centralBroker.stop()
      try await site.sensors.publish(count: Self.bulkyCount)
      try await site.centralBroker.start()
      let tally = try await site.finish()
      expectOrderly(tally)
      #expect(tally.missing > 0, "the ring should have overflowed: \(tally)")
      #expect(tally["evicted"] == tally.missing, "\(tally)")
      let byteCount = try bytesUsed(site.agent.dataDirectory)
      #expect(byteCount <= 32 << 20, "the ring takes \(byteCount) bytes")
    }

    @Test func `a full ring that refuses the newest loses nothing`() async throws {
      let site = try Site(traffic: Self.bulky) {
        $0.ringSize = "32MiB"
        $0.whenFull = "refuse-newest"
      }
      try await site.start()
      try await site.centralBroker.stop()
      try await site.sensors.publish(count: Self.bulkyCount)
      // Let it meet its limit before there is room again.
      try await Task.sleep(for: .seconds(3))
      let byteCount = try bytesUsed(site.agent.dataDirectory)
      #expect(byteCount <= 32 << 20, "the ring takes \(byteCount) bytes")
      try await site.centralBroker.start()
      let tally = try await site.finish()
      expectComplete(tally)
      #expect(tally["evicted"] == 0, "\(tally)")
    }

    private func bytesUsed(_ directory: String) throws -> Int {
      guard let listing = opendir(directory) else { throw TestFailure("can't list \(directory)") }
      defer { closedir(listing) }
      var total = 0
      while let entry = readdir(listing) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        guard name != ".", name != ".." else { continue }
        if entry.pointee.d_type == UInt8(DT_DIR) {
          total += try bytesUsed(directory + "/" + name)
        } else {
          var information = stat()
          // A file may go while we look; a reader of a live directory has to take that.
          if lstat(directory + "/" + name, &information) == 0 { total += Int(information.st_size) }
        }
      }
      return total
    }
  }
}
