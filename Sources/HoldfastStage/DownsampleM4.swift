internal import HoldfastEvent

/// The events of one window that keep its shape: the first, the least, the greatest and the last.
///
/// With them a line drawn pixel by pixel is the same as with all events (Jugel and others, 2014). Of
/// equal values the first counts.
struct M4Window: Sendable {
  /// Where the window begins, microseconds since 1970.
  var start: Int64 = 0
  /// In the order of arrival: the first one is the window's first, the last its last.
  private(set) var events: [HeldEvent] = []
  private var least = 0.0
  private var greatest = 0.0
  /// Their places in `events`.
  private var leastPlace = 0
  private var greatestPlace = 0

  init() {}

  var isEmpty: Bool { events.isEmpty }

  var memoryByteCount: Int { events.reduce(0) { $0 + $1.memoryByteCount } }

  /// Adds an event with a finite value; what it makes needless is dropped.
  mutating func add(_ event: StageEvent, _ value: Double, _ pass: StagePass) {
    guard let last = events.indices.last else {
      events.append(pass.hold(event))
      (least, greatest, leastPlace, greatestPlace) = (value, value, 0, 0)
      return
    }
    if last != 0 && last != leastPlace && last != greatestPlace {
      events[last].replace(with: event, of: pass)
    } else {
      events.append(pass.hold(event))
    }
    let place = events.count - 1
    if value < least {
      least = value
      let former = leastPlace
      leastPlace = place
      drop(former)
    }
    if value > greatest {
      greatest = value
      let former = greatestPlace
      greatestPlace = events.count - 1
      drop(former)
    }
  }

  /// Drops an event unless it still counts for something.
  private mutating func drop(_ place: Int) {
    if place == 0 || place == leastPlace || place == greatestPlace || place == events.count - 1 {
      return
    }
    events.remove(at: place)
    if leastPlace > place { leastPlace -= 1 }
    if greatestPlace > place { greatestPlace -= 1 }
  }

  /// Takes all events out.
  mutating func takeAll() -> [HeldEvent] {
    let taken = events
    self = M4Window()
    return taken
  }

  func save(into bytes: inout SnapshotWriter) {
    bytes.append(start)
    bytes.append(least)
    bytes.append(greatest)
    for place in [leastPlace, greatestPlace, events.count] {
      bytes.append(UInt8(truncatingIfNeeded: place))
    }
    for event in events { bytes.append(event) }
  }

  init?(from bytes: inout SnapshotReader) {
    guard let start: Int64 = bytes.number(), let least = bytes.double(),
      let greatest = bytes.double(), let leastPlace: UInt8 = bytes.number(),
      let greatestPlace: UInt8 = bytes.number(), let count: UInt8 = bytes.number(),
      count <= 4, max(leastPlace, greatestPlace) < max(1, count)
    else { return nil }
    (self.start, self.least, self.greatest) = (start, least, greatest)
    (self.leastPlace, self.greatestPlace) = (Int(leastPlace), Int(greatestPlace))
    for _ in 0..<count {
      guard let event = bytes.held() else { return nil }
      events.append(event)
    }
  }
}
