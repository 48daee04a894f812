internal import HoldfastEvent
internal import HoldfastRingLog
internal import HoldfastStage

// What must hold, and how things are named.

extension StageJudge {
  /// Everything that left on account of what is settled has come to an end.
  func check(_ ledger: UpstreamLedger, world: World) {
    drainWaiting(world: world)
    guard waiting.isEmpty, !isLost else { return }
    for place in views.indices {
      check(place, settledEnd(of: place, ledger), world: world)
    }
  }

  private func check(_ place: Int, _ end: SequenceNumber, world: World) {
    guard advance(place, to: end, world: world) == .done else { return }
    while views[place].settledCount < views[place].produced.count {
      let (item, cause) = views[place].produced[views[place].settledCount]
      if cause >= end { return }
      if world.terms(of: items[item], at: index).isEmpty {
        world.fail(
          "upstream \(index): settled to \(end), and \(Self.name(items[item].key)) of \(cause)"
            + " never came"
        )
      }
      views[place].settledCount += 1
    }
  }

  /// Whether some process has read the number as an event, or may have: see ``wasBlind``.
  func hasRead(_ identity: Identity, world: World) -> Bool {
    let number = identity.number
    if wasBlind || identity.log == log && number < views[place(of: number)].position { return true }
    if identity.log != world.mainLog { return false }
    if read.contains(number) { return true }
    return mainViews?.contains { $0.start <= number && number < $0.position } ?? false
  }

  static func name(_ key: Key) -> String {
    let result = String(decoding: key.result, as: UTF8.self)
    return key.number == 0 ? "result \(result)" : "event \(key.number)"
  }

  /// As `docs/stages.md` says.
  static func text(_ identity: ResultIdentity) -> [UInt8] {
    let stage = String(identity.stage, radix: 16)
    let zeros = String(repeating: "0", count: 16 - stage.utf8.count)
    return Array("\(zeros)\(stage)-\(identity.start)-\(identity.revision)-".utf8) + identity.key
  }

  static func digest(_ topic: ArraySlice<UInt8>, _ payload: ArraySlice<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in topic { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    hash = (hash ^ 0x1ff) &* 0x0000_0100_0000_01b3
    for byte in payload { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    return hash
  }
}
