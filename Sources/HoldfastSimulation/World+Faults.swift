internal import HoldfastAgent
internal import HoldfastEvent
internal import HoldfastLink
internal import HoldfastRingLog

// What goes wrong, and how. A fault that finds nothing to strike at is not counted.

extension World {
  func strike(_ fault: Fault) {
    if report.failure != nil { return }
    var chances = SplitMix64(seed: fault.seed)
    trace("FAULT \(fault.kind.rawValue)")
    guard strike(fault.kind, &chances) else { return }
    report.coverage.note(fault.kind)
    hash(UInt64(fault.kind.index))
  }

  private func strike(_ kind: FaultKind, _ chances: inout SplitMix64) -> Bool {
    switch kind {
    case .kill, .killWithin, .powerCut, .powerCutWithin, .killThenPowerCut, .stop,
      .stopWithoutDisk, .resize, .suspend, .bitRot, .lostFile:
      strikeProcess(kind, &chances)
    case .clockJump, .clockUnset, .clockStep: strikeClock(&chances)
    case .writeError, .syncError, .openError, .nameError, .readError, .diskError, .diskFull,
      .quota, .readOnly, .interrupted, .descriptorLimit:
      strikeDisk(kind, &chances)
    case .stagesDamaged, .stagesUnwritable: strikeStages(kind, &chances)
    case .sourceCut, .sourceAway, .sessionLost, .sourceTakenOver, .pubackCut:
      strikeSource(kind, &chances)
    case .upstreamCut, .upstreamCutWithin, .upstreamAway, .upstreamAbsent, .upstreamTakenOver,
      .poison, .slowDrain:
      strikeUpstream(kind, &chances)
    case .connectRefused, .refusalRetryable, .refusalPermanent, .refusalUnauthorized,
      .acknowledgementLoss, .acknowledgementRepeat, .acknowledgementDisorder,
      .acknowledgementDelay:
      strikeManner(kind, &chances)
    case .overrun: strikeOverrun(&chances)
    }
  }

  // MARK: the machine

  private func strikeProcess(_ kind: FaultKind, _ chances: inout SplitMix64) -> Bool {
    guard process != nil else { return false }
    if now < asleepUntil { wake() }
    switch kind {
    case .kill: crash(isPowerCut: false)
    case .powerCut: crash(isPowerCut: true)
    case .killThenPowerCut:
      // What a killed process left in the page cache goes with the power.
      crash(isPowerCut: false)
      after(Int64.random(in: 10_000...60_000_000, using: &chances)) { $0.crash(isPowerCut: true) }
    case .killWithin, .powerCutWithin:
      isPowerCutNext = kind == .powerCutWithin
      disk.lastOperation = disk.operationCount + Int.random(in: 0...40, using: &chances)
      // Something must be written, or a quiet disk would take no harm for hours.
      publish(20)
    case .stop: return stopProcess(thenRingByteCount: nil)
    case .stopWithoutDisk:
      diskFaults = DiskFaults(until: now + 20 * microsecondsPerSecond)
      publish(20)
      after(5 * microsecondsPerSecond) { world in
        if !world.isCalm { _ = world.stopProcess(thenRingByteCount: nil) }
      }
    case .lostFile:
      crash(isPowerCut: false)
      return hideFile(chances: &chances)
    case .resize:
      let size = plan.configuration.ring.byteCountMax
      let other = size + [0, -(256 << 10), 512 << 10, 2 << 20][Int(chances.next() % 4)]
      return stopProcess(thenRingByteCount: max(other, 5 << 19))
    case .suspend:
      let time = Int64.random(in: 1...6 * 3600, using: &chances) * microsecondsPerSecond
      asleepUntil = now + time
      after(time) { world in if world.now >= world.asleepUntil { world.wake() } }
      for source in sources { source.cut(.keepAliveTimeout, world: self) }
      for upstream in upstreams { upstream.cut(.keepAliveTimeout, world: self) }
    default:
      let isOrderly = chances.next() & 1 == 0
      if isOrderly { _ = stopProcess(thenRingByteCount: nil) } else { crash(isPowerCut: false) }
      return rot(wasSaved: wasSaved, chances: &chances)
    }
    return true
  }

  private func strikeClock(_ chances: inout SplitMix64) -> Bool {
    let day: Int64 = 86_400
    wallOffset += Int64.random(in: -day...day, using: &chances) * microsecondsPerSecond
    return true
  }

  // MARK: the disk

  private func strikeDisk(_ kind: FaultKind, _ chances: inout SplitMix64) -> Bool {
    if kind == .diskFull {
      disk.byteCountMax = disk.byteCount + Int.random(in: 0...200_000, using: &chances)
      after(Int64.random(in: 1...1800, using: &chances) * microsecondsPerSecond) {
        $0.disk.byteCountMax = Int.max
      }
      return true
    }
    guard let way = DiskFaults.table[kind] else { return false }
    diskFaults = DiskFaults(way, now: now, chances: &chances)
    return true
  }

  /// The file with an upstream's stages is damaged, or can't be written for a while.
  private func strikeStages(_ kind: FaultKind, _ chances: inout SplitMix64) -> Bool {
    let judges = upstreams.compactMap(\.judge)
    guard !judges.isEmpty else { return false }
    let judge = judges[Int.random(in: judges.indices, using: &chances)]
    let name = stagesFile(judge.index)
    if kind == .stagesUnwritable {
      let errnos = [Errno.inputOutput, Errno.noSpace]
      diskFaults = DiskFaults(
        keeping: name + ".new",
        errno: errnos[Int(chances.next() & 1)],
        until: now + Int64.random(in: 60...7200, using: &chances) * microsecondsPerSecond
      )
      publish(50)
      return true
    }
    guard process != nil else { return false }
    if now < asleepUntil { wake() }
    let isOrderly = chances.next() & 1 == 0
    if isOrderly { _ = stopProcess(thenRingByteCount: nil) } else { crash(isPowerCut: false) }
    guard var bytes = disk.contents(name), !bytes.isEmpty else { return false }
    let start = Int.random(in: bytes.indices, using: &chances)
    switch chances.next() % 4 {
    case 0: bytes[start] ^= 1 << UInt8.random(in: 0...7, using: &chances)
    case 1: bytes.removeSubrange(start...)
    case 2: for place in start..<min(bytes.count, start + 512) { bytes[place] = 0 }
    default: bytes = []
    }
    disk.setContents(name, bytes)
    judge.isFileDoubtful = true
    trace("\(name) is damaged at \(start)")
    return true
  }

  // MARK: the sensors' brokers

  private func strikeSource(_ kind: FaultKind, _ chances: inout SplitMix64) -> Bool {
    let source = sources[Int.random(in: sources.indices, using: &chances)]
    let seconds = Int64.random(in: 1...600, using: &chances)
    switch kind {
    case .sourceCut:
      guard source.isConnected else { return false }
      source.cut(chances.next() & 1 == 0 ? .closed : .keepAliveTimeout, world: self)
    case .sourceAway, .sessionLost:
      source.goDown(losingSession: kind == .sessionLost, world: self)
      after(seconds * microsecondsPerSecond) { _ in source.isUp = true }
    case .sourceTakenOver:
      guard source.isConnected else { return false }
      source.takeOver(reading: Int.random(in: 0...20, using: &chances), world: self)
    default:
      // As soon as PUBACKs are on their way.
      publish(50)
      cutAmongPubacks(source, Int.random(in: 0...20, using: &chances), triesLeft: 2000)
    }
    return true
  }

  private func cutAmongPubacks(_ source: SimulatedSource, _ count: Int, triesLeft: Int) {
    if source.transitCount == 0 && triesLeft > 0 && !isCalm {
      return after(500) { $0.cutAmongPubacks(source, count, triesLeft: triesLeft - 1) }
    }
    source.cut(.closed, arriving: min(count, source.transitCount), world: self)
  }

  // MARK: the upstreams

  private func strikeUpstream(_ kind: FaultKind, _ chances: inout SplitMix64) -> Bool {
    let upstream = upstreams[Int.random(in: upstreams.indices, using: &chances)]
    switch kind {
    case .upstreamCut, .upstreamTakenOver:
      guard upstream.isConnected else { return false }
      let kinds: [LinkFailure.Kind] = [.closed, .keepAliveTimeout]
      let cut = kinds[Int(chances.next() % 2)]
      upstream.cut(kind == .upstreamCut ? cut : .sessionTakenOver, world: self)
    case .upstreamCutWithin:
      upstream.cutCountdown = Int.random(in: 0...50, using: &chances)
    case .upstreamAway, .upstreamAbsent:
      upstream.goDown(world: self)
      let longest: Int64 = kind == .upstreamAbsent ? 2 * 86_400 : 4 * 3600
      let least: Int64 = kind == .upstreamAbsent ? 8 * 3600 : 1
      after(Int64.random(in: least...longest, using: &chances) * microsecondsPerSecond) { _ in
        upstream.comeBack()
      }
    case .poison: upstream.wantsPoison = true
    default:
      upstream.messageTime = Int64.random(in: 1000...50_000, using: &chances)
      after(3600 * microsecondsPerSecond) { _ in upstream.messageTime = 20 }
    }
    return true
  }

  /// For a while an upstream answers in another manner.
  private func strikeManner(_ kind: FaultKind, _ chances: inout SplitMix64) -> Bool {
    let upstream = upstreams[Int.random(in: upstreams.indices, using: &chances)]
    var manner = SimulatedUpstream.Manner()
    var seconds = Int64.random(in: 1...600, using: &chances)
    switch kind {
    case .connectRefused:
      let kinds: [LinkFailure.Kind] = [.refused, .tls, .connectTimeout, .closedBeforeConnected]
      manner.failure = kinds[Int(chances.next() % 4)]
      upstream.cut(.closed, world: self)
    case .refusalRetryable: manner.refusal = [0x80, 0x83, 0x97][Int(chances.next() % 3)]
    case .refusalPermanent:
      manner.refusal = [0x90, 0x95, 0x99][Int(chances.next() % 3)]
      // It empties the log into the dead letters at full speed.
      seconds = min(seconds, 20)
    case .refusalUnauthorized: manner.refusal = 0x87
    case .acknowledgementLoss: manner.losesAnswers = true
    case .acknowledgementRepeat: manner.repeatsAnswers = true
    case .acknowledgementDisorder: manner.disordersAnswers = true
    default: manner.answerDelay = Int64.random(in: 1...45, using: &chances) * microsecondsPerSecond
    }
    if manner.refusal != 0 && !upstream.speaksFive { return false }
    manner.until = now + seconds * microsecondsPerSecond
    upstream.manner = manner
    publish(30)
    return true
  }

  // MARK: all together

  /// An upstream is away while so much arrives that the ring can't hold it.
  private func strikeOverrun(_ chances: inout SplitMix64) -> Bool {
    let upstream = upstreams[Int.random(in: upstreams.indices, using: &chances)]
    upstream.goDown(world: self)
    floodCount = 3 * configuration.ring.byteCountMax / 4000
    flood(until: report.overrunCount + 1)
    after(Int64.random(in: 600...4 * 3600, using: &chances) * microsecondsPerSecond) { _ in
      upstream.comeBack()
    }
    return true
  }

  /// Ends all faults and all traffic.
  func calmDown() {
    trace("CALM")
    isCalm = true
    diskFaults = DiskFaults()
    disk.byteCountMax = Int.max
    wake()
    for source in sources { source.isUp = true }
    for upstream in upstreams {
      upstream.comeBack()
      upstream.manner = SimulatedUpstream.Manner()
      upstream.messageTime = 20
      upstream.cutCountdown = -1
      upstream.wantsPoison = false
    }
  }
}
