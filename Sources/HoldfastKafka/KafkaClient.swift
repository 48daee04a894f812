// One producer per connection, as with MQTT: a producer that goes on by itself would send what it
// still holds next to what the ring log sends again.

public import HoldfastEvent
public import HoldfastLink
public import HoldfastUpstream

#if Kafka
import CRdkafka
import Glibc
#endif

/// What a client had to say since it was asked last.
public struct KafkaNews: Sendable {
  /// Answers to records, in the order of the reports: not that of the records.
  public var answers: [Acknowledgement] = []
  /// The library's lines.
  public var lines: [LogEntry] = []
  /// The last thing that went wrong with a connection.
  public var failure: LinkFailure?
  /// No broker is connected.
  public var isDown = false
  /// The client is of no use any more; `failure` says why.
  public var isFatal = false
  /// More waits to be asked for.
  public var hasMore = false

  /// Nothing.
  public init() {}
}

#if Kafka
/// librdkafka's producer, driven from one thread.
@safe public final class KafkaClient {
  /// Most reports and lines taken at once.
  private static let newsCountMax = 1000
  /// Most topics whose handles are kept.
  private static let topicCountMax = 256

  private let handle: OpaquePointer
  private let queue: OpaquePointer
  private var topics: [[UInt8]: OpaquePointer] = unsafe [:]
  /// The highest tag of a record.
  private var newestTag: UInt64 = 0
  /// The topic of the last record.
  private var last: (name: [UInt8], topic: OpaquePointer)?
  private let arguments = UnsafeMutablePointer<rd_kafka_vu_t>.allocate(
    capacity: ArgumentPlace.count
  )

  /// Makes a client, which begins to connect.
  ///
  /// - Parameters:
  ///   - settings: checked.
  ///   - wake: a byte is written there when there is news; to stay open until ``retire()`` returns.
  /// - Throws: ``LinkFailure`` where the settings make no client.
  public init(_ settings: KafkaSettings, wake: Int32) throws(LinkFailure) {
    guard let conf = unsafe rd_kafka_conf_new() else {
      throw LinkFailure(.clientFailed, "no memory")
    }
    // Before the log's queue is there, and after it is gone, nothing may reach standard error.
    unsafe rd_kafka_conf_set_log_cb(conf) { _, _, _, _ in }
    unsafe rd_kafka_conf_set_events(
      conf,
      RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG
    )
    var text = [CChar](repeating: 0, count: errorTextByteCount)
    for property in settings.all {
      let result = unsafe rd_kafka_conf_set(
        conf,
        property.name,
        property.value,
        &text,
        text.count
      )
      guard result == RD_KAFKA_CONF_OK else {
        unsafe rd_kafka_conf_destroy(conf)
        let reason = property.isSecret ? "can't be used" : string(text)
        throw LinkFailure(.clientFailed, "\(property.name): \(reason)")
      }
    }
    guard let handle = unsafe rd_kafka_new(RD_KAFKA_PRODUCER, conf, &text, text.count) else {
      unsafe rd_kafka_conf_destroy(conf)
      throw LinkFailure(.clientFailed, string(text))
    }
    guard let queue = unsafe rd_kafka_queue_get_main(handle) else {
      unsafe rd_kafka_destroy(handle)
      throw LinkFailure(.clientFailed, "no queue")
    }
    unsafe self.handle = unsafe handle
    unsafe self.queue = unsafe queue
    unsafe rd_kafka_set_log_queue(handle, queue)
    unsafe rd_kafka_queue_io_event_enable(queue, wake, "k", 1)
  }

  deinit { unsafe arguments.deallocate() }

  /// Lets go of everything, what is under way included; blocks until the library's threads have
  /// ended, and must be the last call.
  public func retire() {
    unsafe rd_kafka_queue_io_event_enable(queue, -1, nil, 0)
    forgetTopics()
    unsafe rd_kafka_purge(handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
    unsafe rd_kafka_queue_destroy(queue)
    unsafe rd_kafka_destroy(handle)
  }

  /// Whether some broker answers within so many milliseconds; blocks meanwhile.
  public func isAnswered(withinMilliseconds time: Int) -> Bool {
    var metadata: UnsafePointer<rd_kafka_metadata>?
    let error = unsafe rd_kafka_metadata(handle, 0, nil, &metadata, Int32(clamping: time))
    if let metadata = unsafe metadata { unsafe rd_kafka_metadata_destroy(metadata) }
    return error == RD_KAFKA_RESP_ERR_NO_ERROR
  }

  /// Takes what there is to be told.
  public func takeNews() -> KafkaNews {
    var news = KafkaNews()
    for _ in 0..<Self.newsCountMax {
      guard let event = unsafe rd_kafka_queue_poll(queue, 0) else { return news }
      unsafe take(event, into: &news)
      unsafe rd_kafka_event_destroy(event)
    }
    news.hasMore = true
    return news
  }

  private func take(_ event: OpaquePointer, into news: inout KafkaNews) {
    switch unsafe rd_kafka_event_type(event) {
    case RD_KAFKA_EVENT_DR:
      while let message = unsafe rd_kafka_event_message_next(event) {
        let error = unsafe message.pointee.err
        if isClientsEnd(error) { continue }
        let tag = unsafe tag(of: UInt(bitPattern: message.pointee._private))
        news.answers.append(
          Acknowledgement(tag: tag, reasonCode: refusal(error)?.rawValue ?? 0)
        )
      }
    case RD_KAFKA_EVENT_ERROR:
      unsafe takeError(of: event, into: &news)
    case RD_KAFKA_EVENT_LOG:
      var facility: UnsafePointer<CChar>?
      var text: UnsafePointer<CChar>?
      var level: Int32 = 0
      guard unsafe rd_kafka_event_log(event, &facility, &text, &level) == 0,
        let facility = unsafe facility, let text = unsafe text
      else { return }
      let name = unsafe String(cString: facility)
      news.lines.append(
        LogEntry(
          entryLevel(facility: name, level),
          unsafe "librdkafka: \(name): \(String(cString: text))"
        )
      )
    default: break
    }
  }

  private func takeError(of event: OpaquePointer, into news: inout KafkaNews) {
    let error = unsafe rd_kafka_event_error(event)
    var text = unsafe rd_kafka_event_error_string(event).map { unsafe String(cString: $0) } ?? ""
    switch error {
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN: news.isDown = true
    case RD_KAFKA_RESP_ERR__FATAL:
      var buffer = [CChar](repeating: 0, count: errorTextByteCount)
      _ = unsafe rd_kafka_fatal_error(handle, &buffer, buffer.count)
      text = string(buffer)
      news.failure = LinkFailure(.clientFailed, text)
      news.isFatal = true
    case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      news.failure = LinkFailure(.refused, text)
    case RD_KAFKA_RESP_ERR__SSL: news.failure = LinkFailure(.tls, text)
    default: news.failure = LinkFailure(.unreachable, text)
    }
  }

  /// What the library says about connections is said again, and better, by the link.
  private func entryLevel(facility: String, _ level: Int32) -> LogEntry.Level {
    if ["FAIL", "ERROR", "DISCONNECT"].contains(facility) { return .debug }
    return level <= 4 ? .warning : level <= 6 ? .info : .debug
  }
}

// MARK: records

/// Where each argument of a record stands; the key is last, as it may be left out.
private enum ArgumentPlace {
  static let topic = 0
  static let value = 1
  static let flags = 2
  static let time = 3
  static let tag = 4
  static let headers = 5
  static let key = 6
  static let count = 7
}

extension KafkaClient {
  /// Hands a record over; the library copies it.
  ///
  /// - Returns: why it was not taken; nil: the answer comes as news.
  public func publish(_ row: MessageBatch.Row, of bytes: [UInt8]) -> RecordRefusal? {
    newestTag = max(newestTag, row.tag)
    guard let topic = unsafe topic(named: bytes[row.topicRange]) else { return .invalidTopic }
    guard let headers = unsafe headers(bytes[row.propertiesRange]) else { return .failed }
    return unsafe bytes.withUnsafeBytes { bytes in
      let value = unsafe bytes[row.payloadRange]
      let key = unsafe bytes[row.keyRange]
      unsafe set(ArgumentPlace.topic, RD_KAFKA_VTYPE_RKT) { unsafe $0.rkt = topic }
      unsafe set(ArgumentPlace.value, RD_KAFKA_VTYPE_VALUE) {
        unsafe $0.mem.ptr = unsafe UnsafeMutableRawPointer(mutating: base(value, bytes))
        unsafe $0.mem.size = value.count
      }
      unsafe set(ArgumentPlace.flags, RD_KAFKA_VTYPE_MSGFLAGS) {
        unsafe $0.i = RD_KAFKA_MSG_F_COPY
      }
      unsafe set(ArgumentPlace.time, RD_KAFKA_VTYPE_TIMESTAMP) {
        // To the library 0 is now.
        unsafe $0.i64 = row.wall == 0 ? 0 : max(1, row.wall / 1000)
      }
      unsafe set(ArgumentPlace.tag, RD_KAFKA_VTYPE_OPAQUE) {
        unsafe $0.ptr = UnsafeMutableRawPointer(bitPattern: UInt(truncatingIfNeeded: row.tag))
      }
      unsafe set(ArgumentPlace.headers, RD_KAFKA_VTYPE_HEADERS) { unsafe $0.headers = headers }
      unsafe set(ArgumentPlace.key, RD_KAFKA_VTYPE_KEY) {
        unsafe $0.mem.ptr = unsafe UnsafeMutableRawPointer(mutating: base(key, bytes))
        unsafe $0.mem.size = key.count
      }
      let count = row.keyByteCount == 0 ? ArgumentPlace.key : ArgumentPlace.count
      guard let error = unsafe rd_kafka_produceva(handle, arguments, count) else { return nil }
      let code = unsafe rd_kafka_error_code(error)
      unsafe rd_kafka_error_destroy(error)
      unsafe rd_kafka_headers_destroy(headers)
      return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? .recordTooLarge : refusal(code)
    }
  }

  /// The tag that the library carried as a pointer: of 32 bits on some machines.
  ///
  /// None under way is that far behind the newest.
  private func tag(of pointer: UInt) -> UInt64 {
    newestTag &- UInt64(UInt(truncatingIfNeeded: newestTag) &- pointer)
  }

  private func set(
    _ place: Int,
    _ type: rd_kafka_vtype_t,
    _ body: (inout rd_kafka_vu_s.__Unnamed_union_u) -> Void
  ) {
    unsafe arguments[place].vtype = type
    unsafe body(&arguments[place].u)
  }

  /// Where a part begins; never nil, which would make an empty value a tombstone.
  private func base(
    _ part: Slice<UnsafeRawBufferPointer>,
    _ bytes: UnsafeRawBufferPointer
  ) -> UnsafeRawPointer? {
    unsafe bytes.baseAddress.map { unsafe $0 + part.startIndex }
  }

  /// The entries of encoded ``EventProperties`` as headers; a content type is named as in HTTP.
  private func headers(_ encoded: ArraySlice<UInt8>) -> OpaquePointer? {
    guard let headers = unsafe rd_kafka_headers_new(8) else { return nil }
    unsafe encoded.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      var index = 0
      while index + 2 <= bytes.count {
        let nameCount = unsafe Int(bytes[index]) | Int(bytes[index + 1]) << 8
        let valueIndex = index + 2 + nameCount
        guard valueIndex + 2 <= bytes.count else { return }
        let valueCount = unsafe Int(bytes[valueIndex]) | Int(bytes[valueIndex + 1]) << 8
        guard valueIndex + 2 + valueCount <= bytes.count else { return }
        let value = unsafe start + valueIndex + 2
        if index == 0 && nameCount == 0 {
          unsafe rd_kafka_header_add(headers, "content-type", -1, value, valueCount)
        } else {
          let name = unsafe (start + index + 2).assumingMemoryBound(to: CChar.self)
          unsafe rd_kafka_header_add(headers, name, nameCount, value, valueCount)
        }
        index = valueIndex + 2 + valueCount
      }
    }
    return unsafe headers
  }

  /// The handle of a topic; nil for what is no name.
  private func topic(named name: ArraySlice<UInt8>) -> OpaquePointer? {
    if let last = unsafe last, unsafe last.name[...] == name { return unsafe last.topic }
    let name = Array(name)
    if let topic = unsafe topics[name] {
      unsafe last = (name, topic)
      return unsafe topic
    }
    if unsafe topics.count >= Self.topicCountMax { forgetTopics() }
    let text = name.map { CChar(bitPattern: $0) } + [0]
    guard let topic = unsafe rd_kafka_topic_new(handle, text, nil) else { return nil }
    unsafe topics[name] = unsafe topic
    unsafe last = (name, topic)
    return unsafe topic
  }

  private func forgetTopics() {
    while let entry = unsafe topics.popFirst() { unsafe rd_kafka_topic_destroy(entry.value) }
    unsafe last = nil
  }
}
#else
/// Stands in for the library's producer where the program was built without it.
public final class KafkaClient {
  /// Always fails.
  ///
  /// - Throws: ``LinkFailure``, which says so.
  public init(_ settings: KafkaSettings, wake: Int32) throws(LinkFailure) {
    throw LinkFailure(.clientFailed, "this program was built without Kafka")
  }

  /// Never called.
  public func retire() {}

  /// Never called.
  public func isAnswered(withinMilliseconds time: Int) -> Bool { false }

  /// Never called.
  public func takeNews() -> KafkaNews { KafkaNews() }

  /// Never called.
  public func publish(_ row: MessageBatch.Row, of bytes: [UInt8]) -> RecordRefusal? { .failed }
}
#endif
