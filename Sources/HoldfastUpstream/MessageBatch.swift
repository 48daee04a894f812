/// Messages to publish, packed: one byte buffer and one fixed-size row per message.
///
/// The unit handed to the shell. Every message is published at QoS 1.
public struct MessageBatch: Equatable, Sendable {
  public struct Row: Equatable, Sendable {
    /// Comes back with the acknowledgement; unique among the upstream's messages in flight.
    public var tag: UInt64
    public var topicOffset: UInt32
    public var topicByteCount: UInt32
    public var payloadOffset: UInt32
    public var payloadByteCount: UInt32
    /// Encoded `EventProperties` (content type, user properties); left out on 3.1.1.
    public var propertiesOffset: UInt32
    public var propertiesByteCount: UInt32
    public var isRetained: Bool

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

    public var topicRange: Range<Int> {
      Int(topicOffset)..<Int(topicOffset) + Int(topicByteCount)
    }
    public var payloadRange: Range<Int> {
      Int(payloadOffset)..<Int(payloadOffset) + Int(payloadByteCount)
    }
    public var propertiesRange: Range<Int> {
      Int(propertiesOffset)..<Int(propertiesOffset) + Int(propertiesByteCount)
    }
  }

  public var bytes: [UInt8] = []
  public var rows: [Row] = []

  public init() {}

  public var isEmpty: Bool { rows.isEmpty }
}

/// What a peer answered to one message.
public struct Acknowledgement: Equatable, Sendable {
  public var tag: UInt64
  /// The PUBACK's reason code (MQTT 5, section 3.4.2.1); 0 on 3.1.1.
  public var reasonCode: UInt8

  public init(tag: UInt64, reasonCode: UInt8 = 0) {
    self.tag = tag
    self.reasonCode = reasonCode
  }
}
