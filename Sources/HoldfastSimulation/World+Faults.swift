internal import HoldfastEvent
internal import HoldfastLink
internal import HoldfastRingLog

/// Which disk operations fail just now.
struct DiskFaults {
  var operations: Set<DiskError.Operation> = []
  var errno: Int32 = Errno.inputOutput
  /// Fails so many more of them.
  var count = 0
  /// Fails all of them before, microseconds.
  var until: Int64 = 0
  /// Fails only each so-manieth.
  var stride = 1
  private var asked = 0

  mutating func errno(_ operation: DiskError.Operation, _ name: String, world: World) -> Int32? {
    guard operations.contains(operation), count > 0 || world.now < until else { return nil }
    asked += 1
    guard asked % stride == 0 else { return nil }
    if count > 0 { count -= 1 }
    world.report.diskFaultCount += 1
    return errno
  }
}

extension World {
  func scheduleFaults() {
    let count = draw(3...40)
    for _ in 0..<count {
      schedule.add(at: draw(0...settings.activeTime)) { world in
        if !world.isCalm { world.strike() }
      }
    }
  }

  private func strike() {
    if settings.hasOnlyPowerCuts {
      switch draw(0...3) {
      case 0: crash(isPowerCut: true)
      case 1: dieSoon(isPowerCut: true)
      case 2: upstreamAway()
      default:
        publishBurst(200)
        after(draw(1000...300_000)) { $0.crash(isPowerCut: true) }
      }
      return
    }
    switch draw(0...15) {
    case 0: crash(isPowerCut: false)
    case 1: crash(isPowerCut: true)
    case 2, 3: dieSoon(isPowerCut: chance(1, in: 2))
    case 4: sources[Int(draw(0...Int64(sources.count - 1)))].cut(.closed, world: self)
    case 5: sourceAway()
    case 6:
      upstreams[Int(draw(0...Int64(upstreams.count - 1)))].cut(
        chance(1, in: 2) ? .closed : .keepAliveTimeout,
        world: self
      )
    case 7, 8: upstreamAway()
    case 9: refuse()
    case 10: failDisk(count: Int(draw(1...4)), until: 0)
    case 11: failDisk(count: 0, until: now + draw(1...300) * microsecondsPerSecond)
    case 12: fillDisk()
    case 13: wallOffset += draw(-86_400...86_400) * microsecondsPerSecond
    case 14:
      publishBurst(500)
      if chance(1, in: 2) {
        after(draw(1000...500_000)) { $0.crash(isPowerCut: true) }
        return
      }
      dieSoon(isPowerCut: chance(1, in: 2))
    default:
      // Twice in a row: what a killed process left in the page cache goes with the power.
      crash(isPowerCut: false)
      after(draw(10_000...60_000_000)) { $0.crash(isPowerCut: true) }
    }
  }

  private func dieSoon(isPowerCut: Bool) {
    guard process != nil else { return }
    isPowerCutNext = isPowerCut
    disk.lastOperation = disk.operationCount + Int(draw(0...40))
  }

  private func sourceAway() {
    let source = sources[Int(draw(0...Int64(sources.count - 1)))]
    source.goDown(losingSession: chance(1, in: 5), world: self)
    after(draw(1...600) * microsecondsPerSecond) { _ in source.isUp = true }
  }

  private func upstreamAway() {
    let upstream = upstreams[Int(draw(0...Int64(upstreams.count - 1)))]
    upstream.goDown(world: self)
    let longest: Int64 = chance(1, in: 2) ? 60 : 6 * 3600
    after(draw(1...longest) * microsecondsPerSecond) { _ in upstream.isUp = true }
    if chance(1, in: 3) {
      upstream.messageTime = draw(20...50_000)
      after(3600 * microsecondsPerSecond) { _ in upstream.messageTime = 20 }
    }
  }

  private func refuse() {
    let upstream = upstreams[Int(draw(0...Int64(upstreams.count - 1)))]
    upstream.refusal = [0x97, 0x80, 0x87, 0x99][Int(draw(0...3))]
    upstream.refusesUntil = now + draw(100_000...60_000_000)
  }

  private func failDisk(count: Int, until: Int64) {
    let choices: [Set<DiskError.Operation>] = [
      [.write], [.sync], [.open], [.rename], [.syncDirectory], [.write, .sync],
      [.write, .sync, .open, .rename, .remove, .syncDirectory],
      plan.hasReadFaults ? [.read] : [.sync],
      plan.hasReadFaults ? [.list, .read, .open, .size] : [.write, .sync, .open],
    ]
    faults.operations = choices[Int(draw(0...Int64(choices.count - 1)))]
    faults.errno = chance(1, in: 2) ? Errno.inputOutput : Errno.noSpace
    faults.count = count
    // Longer, and files that can't be opened at a start are given up.
    let isOpen = faults.operations.contains(.open)
    faults.until = isOpen ? min(until, now + 50 * microsecondsPerSecond) : until
    faults.stride = Int(draw(1...3))
  }

  private func fillDisk() {
    disk.byteCountMax = disk.byteCount + Int(draw(0...200_000))
    after(draw(1...1800) * microsecondsPerSecond) { $0.disk.byteCountMax = Int.max }
  }

  /// Ends all faults and all traffic.
  func calmDown() {
    trace("CALM")
    isCalm = true
    faults = DiskFaults()
    disk.byteCountMax = Int.max
    for source in sources { source.isUp = true }
    for upstream in upstreams {
      upstream.isUp = true
      upstream.refusesUntil = 0
      upstream.messageTime = 20
    }
  }
}
