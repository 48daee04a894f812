/// Messages to publish, packed: one byte buffer and one fixed-size row per message.
///
/// The unit handed to the shell. Every message is published at QoS 1.
public struct MessageBatch: Equatable, Sendable {
  /// One message: where its parts lie in `bytes`.
  public struct Row: Equatable, Sendable {
    /// Comes back with the acknowledgement; unique among the upstream's messages in flight.
    public var tag: UInt64
    /// Where the topic begins in `bytes`.
    public var topicOffset: UInt32
    /// Bytes of the topic, at most 65,535.
    public var topicByteCount: UInt32
    /// Where the payload begins in `bytes`.
    public var payloadOffset: UInt32
    /// Bytes of the payload.
    public var payloadByteCount: UInt32
    /// Encoded `EventProperties` (content type, user properties); left out on 3.1.1.
    public var propertiesOffset: UInt32
    /// Bytes of the encoded properties.
    public var propertiesByteCount: UInt32
    /// Kafka: bytes of the record's key, which stands behind the properties; 0: it has none.
    public var keyByteCount: UInt32 = 0
    /// Kafka: the record's time, microseconds since 1970.
    public var wall: Int64 = 0
    /// Whether the peer is asked to retain it.
    public var isRetained: Bool

    /// Made of its parts.
    public init(
      tag: UInt64,
      topicOffset: UInt32,
      topicByteCount: UInt32,
      payloadOffset: UInt32,
      payloadByteCount: UInt32,
      propertiesOffset: UInt32,
      propertiesByteCount: UInt32,
      isRetained: Bool
    ) {
      self.tag = tag
      self.topicOffset = topicOffset
      self.topicByteCount = topicByteCount
      self.payloadOffset = payloadOffset
      self.payloadByteCount = payloadByteCount
      self.propertiesOffset = propertiesOffset
      self.propertiesByteCount = propertiesByteCount
      self.isRetained = isRetained
    }

    /// Where the topic lies.
    public var topicRange: Range<Int> {
      Int(topicOffset)..<Int(topicOffset) + Int(topicByteCount)
    }
    /// Where the payload lies.
    public var payloadRange: Range<Int> {
      Int(payloadOffset)..<Int(payloadOffset) + Int(payloadByteCount)
    }
    /// Where the encoded properties lie.
    public var propertiesRange: Range<Int> {
      Int(propertiesOffset)..<Int(propertiesOffset) + Int(propertiesByteCount)
    }
    /// Where the key lies.
    public var keyRange: Range<Int> {
      propertiesRange.upperBound..<propertiesRange.upperBound + Int(keyByteCount)
    }
  }

  /// What the rows point into.
  public var bytes: [UInt8] = []
  /// The messages, in order.
  public var rows: [Row] = []

  /// Made of its parts.
  public init() {}

  /// Whether it holds no message.
  public var isEmpty: Bool { rows.isEmpty }

  /// Gives the last message what makes it a record; nothing may have been appended behind it.
  mutating func setLast(keyFrom offset: Int, wall: Int64) {
    let last = rows.count - 1
    rows[last].keyByteCount = UInt32(bytes.count - offset)
    rows[last].wall = wall
  }
}

/// What a peer answered to one message.
public struct Acknowledgement: Equatable, Sendable {
  /// The tag of the message it answers.
  public var tag: UInt64
  /// The PUBACK's reason code (MQTT 5, section 3.4.2.1); 0 on 3.1.1.
  ///
  /// Of a Kafka cluster 0 or a ``RecordRefusal``.
  public var reasonCode: UInt8

  /// Made of its parts.
  public init(tag: UInt64, reasonCode: UInt8 = 0) {
    self.tag = tag
    self.reasonCode = reasonCode
  }
}
