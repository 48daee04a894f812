internal import HoldfastEvent

extension SimulatedUpstream {
  /// Takes what left stages, or refuses it; false: the link closes instead.
  func take(
    _ parts: [Departure],
    _ judge: StageJudge,
    refusal: UInt8,
    world: World
  ) -> Bool {
    var places: [Int] = []
    for part in parts where part.number > 0 {
      let identity = Identity(log: part.log, number: part.number)
      if let text = part.text {
        guard let place = world.place(of: Arrival(text: text, identity: identity), at: index) else {
          return true
        }
        places.append(place)
      } else if let place = world.numbering.place(of: identity) {
        places.append(place)
      }
    }
    let isPoison = isPoisoned(places, world: world)
    let refused: Evidence.Mark = Self.isRetryable(refusal) ? .deferred : [.rejected, .deferred]
    let mark: Evidence.Mark =
      isPoison ? [.rejected, .deferred] : refusal != 0 ? refused : .delivered
    for place in places {
      if mark == .delivered && !evidence.marks(place).contains(.delivered) {
        world.report.deliveredCount += 1
      }
      evidence.add(mark, to: place)
    }
    for part in parts { judge.take(part, mark, world: world) }
    return !isPoison
  }
}
