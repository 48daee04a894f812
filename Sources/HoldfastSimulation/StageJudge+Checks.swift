internal import HoldfastEvent
internal import HoldfastStage

// What must hold, and how things are named.

extension StageJudge {
  /// Everything that left on account of numbers before the cursor has come to an end.
  func check(_ cursor: SequenceNumber, world: World) {
    drainWaiting(world: world)
    guard waiting.isEmpty, advance(to: cursor, world: world) == .done else { return }
    while view.settledCount < view.produced.count {
      let (item, cause) = view.produced[view.settledCount]
      if cause >= cursor { return }
      if world.terms(of: items[item], at: index).isEmpty {
        world.fail(
          "upstream \(index): the cursor is at \(cursor), and \(Self.name(items[item].key)) of"
            + " \(cause) never came"
        )
      }
      view.settledCount += 1
    }
  }

  /// Whether some process has read the number as an event, or may have: see ``wasBlind``.
  func hasRead(_ identity: Identity, world: World) -> Bool {
    if wasBlind || identity.log == view.log && identity.number < view.position { return true }
    if identity.log != world.mainLog { return false }
    return read.contains(identity.number) || identity.number < mainView?.position ?? 0
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
