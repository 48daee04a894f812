/// What is known of an event besides its bytes.
public struct EventFlags: OptionSet, Equatable, Sendable {
  /// As stored.
  public var rawValue: UInt8

  /// Made of its parts.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Received at QoS 1; absent: QoS 0, as QoS 2 is never subscribed to.
  public static let qos1 = EventFlags(rawValue: 1)
  /// The broker replayed a retained message (MQTT-3.3.1-3).
  public static let retained = EventFlags(rawValue: 2)
  /// Same topic and payload as a recent event whose PUBACK may not have reached the broker.
  public static let possiblyRedelivered = EventFlags(rawValue: 4)
  /// No event: the log's word that time has passed, for stages that wait for it; never sent.
  public static let tick = EventFlags(rawValue: 8)
}

/// Events in order of arrival, packed: one byte buffer and one fixed-size row per event.
///
/// The unit that crosses every border of the agent. Copying a batch copies two references; rows
/// that share a topic may share its bytes. Byte counts are bounded by ``byteCountMax``.
public struct EventBatch: Equatable, Sendable {
  /// One event: where its parts lie in `bytes`, when it arrived, what is known of it.
  public struct Row: Equatable, Sendable {
    /// When it arrived, microseconds since boot.
    public var boot: Int64
    /// When it arrived, microseconds since 1970.
    public var wall: Int64
    /// Where the topic begins in `bytes`.
    public var topicOffset: UInt32
    /// Where the payload begins in `bytes`.
    public var payloadOffset: UInt32
    /// Bytes of the payload.
    public var payloadByteCount: UInt32
    /// Offset of the encoded ``EventProperties``; meaningless while their byte count is 0.
    public var propertiesOffset: UInt32
    /// Bytes of the encoded properties; 0: none.
    public var propertiesByteCount: UInt32
    /// Bytes of the topic.
    public var topicByteCount: UInt16
    /// Index of the source in the ledger.
    public var source: UInt8
    /// What is known of it.
    public var flags: EventFlags

    /// Made of its parts.
    public init(
      boot: Int64,
      wall: Int64,
      topicOffset: UInt32,
      topicByteCount: UInt16,
      payloadOffset: UInt32,
      payloadByteCount: UInt32,
      propertiesOffset: UInt32 = 0,
      propertiesByteCount: UInt32 = 0,
      source: UInt8,
      flags: EventFlags
    ) {
      self.boot = boot
      self.wall = wall
      self.topicOffset = topicOffset
      self.topicByteCount = topicByteCount
      self.payloadOffset = payloadOffset
      self.payloadByteCount = payloadByteCount
      self.propertiesOffset = propertiesOffset
      self.propertiesByteCount = propertiesByteCount
      self.source = source
      self.flags = flags
    }

    /// Where the topic lies.
    public var topicRange: Range<Int> {
      Int(topicOffset)..<Int(topicOffset) + Int(topicByteCount)
    }
    /// Where the payload lies.
    public var payloadRange: Range<Int> {
      Int(payloadOffset)..<Int(payloadOffset) + Int(payloadByteCount)
    }
    /// Where the encoded properties lie; meaningless while there are none.
    public var propertiesRange: Range<Int> {
      Int(propertiesOffset)..<Int(propertiesOffset) + Int(propertiesByteCount)
    }
  }

  /// Most bytes one batch may hold; offsets are 32 bits wide.
  public static let byteCountMax = 1 << 30

  /// What the rows point into.
  public var bytes: [UInt8]
  /// The events, in order.
  public var rows: [Row]

  /// Made of its parts.
  public init(bytes: [UInt8] = [], rows: [Row] = []) {
    self.bytes = bytes
    self.rows = rows
  }

  /// Whether it holds no event.
  public var isEmpty: Bool { rows.isEmpty }
  /// How many events it holds.
  public var count: Int { rows.count }

  /// Approximate memory held, in bytes.
  public var memoryByteCount: Int { bytes.count + rows.count * MemoryLayout<Row>.stride }

  /// Forgets the events and keeps the memory for the next ones.
  public mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    rows.removeAll(keepingCapacity: true)
  }

  /// Appends one event; false, and nothing appended, when a part is too long for a batch.
  ///
  /// - Parameters:
  ///   - topic: at most 65,535 bytes (MQTT-1.5.4).
  ///   - payload: any bytes.
  ///   - properties: encoded ``EventProperties``, or empty.
  ///   - clock: when it arrived.
  ///   - source: index of the source.
  ///   - flags: what is known of it.
  /// - Returns: whether it was appended.
  @discardableResult
  public mutating func append(
    topic: UnsafeRawBufferPointer,
    payload: UnsafeRawBufferPointer,
    properties: UnsafeRawBufferPointer,
    clock: ClockReading,
    source: UInt8,
    flags: EventFlags
  ) -> Bool {
    let byteCount = topic.count + payload.count + properties.count
    guard topic.count <= Int(UInt16.max), bytes.count + byteCount <= Self.byteCountMax
    else { return false }
    let start = UInt32(bytes.count)
    let payloadStart = start + UInt32(topic.count)
    let propertiesStart = payloadStart + UInt32(payload.count)
    unsafe bytes.append(contentsOf: topic)
    unsafe bytes.append(contentsOf: payload)
    unsafe bytes.append(contentsOf: properties)
    rows.append(
      Row(
        boot: clock.boot,
        wall: clock.wall,
        topicOffset: start,
        topicByteCount: UInt16(topic.count),
        payloadOffset: payloadStart,
        payloadByteCount: UInt32(payload.count),
        propertiesOffset: propertiesStart,
        propertiesByteCount: UInt32(properties.count),
        source: source,
        flags: flags
      )
    )
    return true
  }

  /// The same from arrays, for tests and cold paths.
  @discardableResult
  public mutating func append(
    topic: [UInt8],
    payload: [UInt8],
    properties: [UInt8] = [],
    clock: ClockReading,
    source: UInt8 = 0,
    flags: EventFlags = .qos1
  ) -> Bool {
    unsafe topic.withUnsafeBytes { topic in
      unsafe payload.withUnsafeBytes { payload in
        unsafe properties.withUnsafeBytes { properties in
          unsafe append(
            topic: topic,
            payload: payload,
            properties: properties,
            clock: clock,
            source: source,
            flags: flags
          )
        }
      }
    }
  }

  /// The topic of the event in a row.
  public func topic(_ index: Int) -> ArraySlice<UInt8> { bytes[rows[index].topicRange] }
  /// The payload of the event in a row.
  public func payload(_ index: Int) -> ArraySlice<UInt8> { bytes[rows[index].payloadRange] }
  /// The encoded properties of the event in a row.
  public func properties(_ index: Int) -> ArraySlice<UInt8> { bytes[rows[index].propertiesRange] }
}

/// Events with consecutive sequence numbers of one log.
public struct StoredBatch: Equatable, Sendable {
  /// The log that numbered them.
  public var log: LogID
  /// The number of `events.rows[0]`.
  public var first: SequenceNumber
  /// The events, in order of their numbers.
  public var events: EventBatch

  /// Made of its parts.
  public init(log: LogID, first: SequenceNumber, events: EventBatch) {
    self.log = log
    self.first = first
    self.events = events
  }

  /// The number after the last event's.
  public var end: SequenceNumber { first + SequenceNumber(events.count) }

  /// Index of the row that holds `sequence`; nil when it is outside.
  public func index(of sequence: SequenceNumber) -> Int? {
    sequence >= first && sequence - first < SequenceNumber(events.count)
      ? Int(sequence - first) : nil
  }
}
