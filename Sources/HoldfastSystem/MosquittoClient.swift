// libmosquitto, behind one object per connection. This file and its two extensions are the only
// ones that call the library.
//
// * A client serves one connection and is destroyed after it: a client that reconnects sends its
//   own queue again, but the ring log is our queue.
// * The library is in its "external thread" mode: whatever it wants to send, PUBACKs first of all,
//   it only queues, and nothing leaves before `write`. Its queue is one FIFO.
// * Callbacks run inside `read` and `write`, on the calling thread. `connect` blocks (name
//   resolution, TCP) and runs on a thread of its own, see ``ConnectAttempt``.

import CMosquitto
import CSocketBuffer
import CTLSCheck
import Glibc
import HoldfastEvent
package import HoldfastLink

/// What a connection is made with.
package struct ClientSettings: Sendable {
  /// What the broker keeps for us between connections.
  package enum Session: Sendable {
    case clean
    /// Kept; on MQTT 5 for so many seconds.
    case kept(expirySeconds: UInt32)
  }

  package var link: LinkConfiguration
  package var version: ProtocolVersion
  package var session: Session
  /// Our Receive Maximum on MQTT 5; nil: none named.
  package var receiveMaximum: Int?
  /// Whether `link.statusTopic` is told, if there is one.
  package var tellsStatus = true

  package init(
    link: LinkConfiguration,
    version: ProtocolVersion,
    session: Session,
    receiveMaximum: Int?
  ) {
    self.link = link
    self.version = version
    self.session = session
    self.receiveMaximum = receiveMaximum
  }
}

/// What the status topic holds.
package enum AgentPresence: String, Sendable {
  case online
  /// Not connected, and meaning to come back; also the last will.
  case offline
  /// Ended on request.
  case stopped
}

/// What a client reports from inside its loop calls.
protocol MosquittoClientReceiver: AnyObject {
  /// CONNACK with success; what is queued in here stands before every PUBACK.
  func granted(_ grant: SessionGrant, by client: MosquittoClient)
  /// SUBACK: one code per filter, in order.
  func subscribed(codes: [Int32])
  /// PUBLISH; the buffers are valid during the call. `properties` is encoded ``EventProperties``.
  func received(
    topic: UnsafeRawBufferPointer,
    payload: UnsafeRawBufferPointer,
    properties: [UInt8],
    isQoS1: Bool,
    isRetained: Bool
  )
  /// PUBACK.
  func acknowledged(messageID: Int32, reasonCode: UInt8)
}

/// One libmosquitto client.
///
/// Used by one thread at a time: the connecting thread until `connect` has returned, then the
/// link's. ``ConnectAttempt`` passes it on under a lock, hence `@unchecked`.
@safe final class MosquittoClient: @unchecked Sendable {
  enum ReadProgress { case more, drained }

  enum PublishResult: Equatable {
    case sent(messageID: Int32)
    /// Not sent, for this MQTT 5 reason.
    case refused(reasonCode: UInt8)
    /// The link is gone.
    case lost
  }

  let settings: ClientSettings
  /// Whom callbacks go to; set to nil to break the cycle when the link is closed.
  var receiver: (any MosquittoClientReceiver)?
  /// What CONNACK granted; nil before it.
  var grant: SessionGrant?
  /// CONNACK's refusal.
  var refusal: LinkFailure?
  /// The reason code of the peer's DISCONNECT (MQTT 5).
  var disconnectReason: Int32?
  /// The library's first error line, its only way to say what went wrong in TLS.
  var errorLine: String?
  /// Counts callbacks, to tell a handled packet from an empty socket.
  var callbackCount = 0
  /// What the host's name stood for at `connect`, in the order of the tries.
  private(set) var addresses: [String] = []
  /// Something, CONNECT first, has been written.
  private(set) var hasWritten = false

  let handle: OpaquePointer
  /// How the broker's certificate is verified; nil without TLS, and with a shared key.
  var tlsCheck: OpaquePointer?
  /// A topic as a C string; kept for its memory.
  private var topicText: [CChar] = []

  /// Makes a client that is not connected.
  ///
  /// - Throws: ``LinkFailure`` where the library refuses a setting, a TLS file for example.
  init(_ settings: ClientSettings) throws(LinkFailure) {
    _ = libraryIsReady
    let isClean =
      if case .clean = settings.session { true } else { false }
    guard let handle = unsafe mosquitto_new(settings.link.clientID, isClean, nil) else {
      throw LinkFailure(.unreachable, "libmosquitto: \(errorText(errno))")
    }
    unsafe self.handle = handle
    self.settings = settings
    unsafe mosquitto_user_data_set(handle, Unmanaged.passUnretained(self).toOpaque())
    unsafe setCallbacks(handle)
    try applySettings()
  }

  /// In front of the socket once the link is up; nil with TLS, which has buffers of its own.
  private var buffer: OpaquePointer?

  deinit {
    unsafe mosquitto_destroy(handle)
    if let buffer = unsafe buffer { unsafe holdfast_socket_buffer_free(buffer) }
    if let tlsCheck = unsafe tlsCheck { unsafe holdfast_tls_free(tlsCheck) }
  }

  /// Puts a buffer in front of the socket, so that a pass costs a system call or two.
  ///
  /// Without it each packet costs three. To be called once, when CONNACK has come and nothing is half written.
  func beginBuffering() {
    guard settings.link.tls == nil, let descriptor, unsafe buffer == nil else { return }
    unsafe buffer = holdfast_socket_buffer_new(descriptor)
  }

  /// Whether bytes were received that no `read` has taken; polling the socket does not tell.
  var hasUnread: Bool {
    guard let buffer = unsafe buffer else { return false }
    return unsafe holdfast_socket_buffer_unread(buffer) > 0
  }

  private var hasUnsent: Bool {
    guard let buffer = unsafe buffer else { return false }
    return unsafe holdfast_socket_buffer_unsent(buffer) > 0
  }

  /// Calls the library with this thread's reads and writes of the socket going by the buffer.
  private func buffered(_ call: () -> Int32) -> Int32 {
    guard let buffer = unsafe buffer else { return call() }
    unsafe holdfast_socket_buffer_enter(buffer)
    defer {
      // Leaving must not disturb what the library left in errno.
      let error = errno
      holdfast_socket_buffer_leave()
      errno = error
    }
    return call()
  }

  /// The descriptor to poll; nil once the library has closed it.
  var descriptor: Int32? {
    let descriptor = unsafe mosquitto_socket(handle)
    return descriptor >= 0 ? descriptor : nil
  }

  /// Whether something is queued that can be written.
  var wantsWrite: Bool { unsafe mosquitto_want_write(handle) || hasUnsent }

  /// Resolves the name, connects TCP and queues CONNECT.
  ///
  /// Blocks for as long as the resolver does, and then little longer than the connect timeout.
  /// The addresses of one name are tried in turn, and share that time: one that swallows
  /// everything must not keep us from the next.
  func connect() throws(LinkFailure) {
    let link = settings.link
    var properties: OpaquePointer?
    defer { unsafe mosquitto_property_free_all(&properties) }
    if case .kept(let seconds) = settings.session, settings.version == .v5 {
      _ = unsafe mosquitto_property_add_int32(
        &properties,
        Int32(MQTT_PROP_SESSION_EXPIRY_INTERVAL.rawValue),
        seconds
      )
    }
    if let receiveMaximum = settings.receiveMaximum, settings.version == .v5 {
      _ = unsafe mosquitto_property_add_int16(
        &properties,
        Int32(MQTT_PROP_RECEIVE_MAXIMUM.rawValue),
        UInt16(clamping: max(1, receiveMaximum))
      )
    }
    addresses = hostAddresses(link.host)
    holdfast_connect_limit_set(Int32(clamping: addressTime / 1000))
    defer { holdfast_connect_limit_set(0) }
    errno = 0
    let code = unsafe mosquitto_connect_bind_v5(
      handle,
      link.host,
      Int32(link.port),
      Int32(link.keepAliveSeconds),
      nil,
      properties
    )
    let error = errno
    guard code == 0 else { throw connectFailure(code: code, errorNumber: error) }
  }

  /// How long one address may take, microseconds.
  private var addressTime: Int64 {
    let timeout = max(0, settings.link.connectTimeout)
    // A lone address has it all, and more: the owner's deadline ends it and says so. Of several,
    // the last one still needs time for CONNACK.
    if addresses.count < 2 { return timeout.addingSaturated(microsecondsPerSecond) }
    return max(timeout / Int64(addresses.count + 1), Self.addressTimeMin)
  }

  /// The least that one address is given, microseconds.
  private static let addressTimeMin: Int64 = 100_000

  /// Bytes that were handed to the socket since it was made, TLS and CONNECT included; nil where
  /// there is none, or the kernel does not tell.
  var handedOverByteCount: Int64? {
    guard let descriptor else { return nil }
    let count = holdfast_sent_byte_count(descriptor)
    return count < 0 ? nil : count
  }

  /// Lets the kernel keep no more than about so many bytes that it has not sent.
  func limitUnsent(to byteCount: Int) {
    guard let descriptor else { return }
    // Where the kernel knows no such limit, what is in flight is bounded by the core alone.
    _ = holdfast_unsent_limit_set(descriptor, Int32(clamping: byteCount))
  }

  /// Handles packets that have arrived: one, unless TLS had buffered more.
  func read() throws(LinkFailure) -> ReadProgress {
    let callbackCountBefore = callbackCount
    errno = 0
    let code = buffered { unsafe mosquitto_loop_read(handle, 1) }
    let error = errno
    try check(code, errorNumber: error)
    // EAGAIN alone proves nothing: queueing a PUBACK also writes to a socket pair that nobody
    // reads here, and leaves EAGAIN behind once that is full.
    return error == EAGAIN && callbackCount == callbackCountBefore ? .drained : .more
  }

  /// Writes what is queued.
  ///
  /// - Returns: whether all of it was taken by the kernel.
  func write() throws(LinkFailure) -> Bool {
    // One call writes the whole queue; the bound is for a TLS handshake that wants to write.
    for _ in 0..<4 where unsafe mosquitto_want_write(handle) {
      errno = 0
      let code = buffered { unsafe mosquitto_loop_write(handle, 1) }
      let error = errno
      try check(code, errorNumber: error)
      if error == EAGAIN { return false }
    }
    guard try send(), !wantsWrite else { return false }
    hasWritten = true
    return true
  }

  /// Sends what the library has written into the buffer; false while the kernel takes no more.
  private func send() throws(LinkFailure) -> Bool {
    guard let buffer = unsafe buffer else { return true }
    if unsafe holdfast_socket_buffer_flush(buffer) == 0 { return true }
    let error = errno
    if error == EAGAIN { return false }
    throw LinkFailure(.closed, errorText(error))
  }

  /// Takes the buffer away, so that what the library writes is written at once; false while bytes
  /// of it can't be sent.
  private func endBuffering() throws(LinkFailure) -> Bool {
    guard try send() else { return false }
    if let buffer = unsafe buffer { unsafe holdfast_socket_buffer_free(buffer) }
    unsafe buffer = nil
    return true
  }

  /// Queues PINGREQ when it is time; about once a second is enough.
  ///
  /// - Throws: `.keepAliveTimeout` when the last one was not answered.
  func keepAlive() throws(LinkFailure) {
    errno = 0
    let code = unsafe mosquitto_loop_misc(handle)
    try check(code, errorNumber: errno)
  }

  /// Queues one SUBSCRIBE, QoS 1, with all filters.
  func subscribe(_ filters: [TopicFilter]) throws(LinkFailure) {
    let texts = unsafe filters.map { unsafe strdup($0.description) }
    defer { for index in unsafe texts.indices { unsafe free(texts[index]) } }
    let options =
      settings.version == .v5
      ? MQTT_SUB_OPT_RETAIN_AS_PUBLISHED.rawValue | MQTT_SUB_OPT_SEND_RETAIN_NEW.rawValue : 0
    let code = unsafe texts.withUnsafeBufferPointer { texts in
      unsafe mosquitto_subscribe_multiple(
        handle,
        nil,
        Int32(texts.count),
        texts.baseAddress,
        1,
        Int32(options),
        nil
      )
    }
    guard code == 0 else { throw LinkFailure(.closed, "SUBSCRIBE: \(libraryText(code))") }
  }

  /// Queues one PUBLISH, QoS 1.
  ///
  /// - Parameters:
  ///   - topic: any bytes; what is no topic name is refused with 0x90.
  ///   - payload: any bytes.
  ///   - properties: encoded ``EventProperties``; left out on 3.1.1.
  ///   - isRetained: the RETAIN flag.
  /// - Returns: what became of it.
  func publish(
    topic: ArraySlice<UInt8>,
    payload: ArraySlice<UInt8>,
    properties: ArraySlice<UInt8>,
    isRetained: Bool
  ) -> PublishResult {
    guard !topic.isEmpty, topic.count <= Int(UInt16.max), !topic.contains(0) else {
      return .refused(reasonCode: 0x90)
    }
    topicText.removeAll(keepingCapacity: true)
    for byte in topic { topicText.append(CChar(bitPattern: byte)) }
    topicText.append(0)
    var list: OpaquePointer?
    defer { unsafe mosquitto_property_free_all(&list) }
    if !properties.isEmpty && settings.version == .v5 {
      guard unsafe addProperties(EventProperties(encoded: properties), to: &list) else {
        return .refused(reasonCode: 0x99)
      }
    }
    guard let byteCount = Int32(exactly: payload.count) else {
      return .refused(reasonCode: 0x95)
    }
    var messageID: Int32 = 0
    let code = unsafe payload.withUnsafeBytes { payload in
      unsafe mosquitto_publish_v5(
        handle,
        &messageID,
        topicText,
        byteCount,
        payload.baseAddress,
        1,
        isRetained,
        list
      )
    }
    return publishResult(code: code, messageID: messageID)
  }

  /// How long `disconnect` may take to write what is queued, microseconds.
  private static let disconnectTimeout: Int64 = 2_000_000

  /// Queues the status, retained; QoS 0, so that it takes no place in the window.
  ///
  /// It is written before anything that is queued later. A broker that doesn't allow it drops it.
  func tellStatus(_ status: AgentPresence) {
    guard settings.tellsStatus, let topic = settings.link.statusTopic else { return }
    let payload = Array(status.rawValue.utf8)
    _ = unsafe mosquitto_publish_v5(
      handle,
      nil,
      topic,
      Int32(payload.count),
      payload,
      0,
      true,
      nil
    )
  }

  /// Writes what is queued, the status and DISCONNECT behind it; waits for the kernel to take it all.
  func disconnect(status: AgentPresence) {
    guard let descriptor else { return }
    tellStatus(status)
    let deadline = SystemClock.boot() + Self.disconnectTimeout
    do throws(LinkFailure) {
      // Behind DISCONNECT the library closes the socket, and with it whatever a buffer still held.
      while try !endBuffering() {
        let rest = deadline - SystemClock.boot()
        if rest <= 0 { return }
        _ = waitForEvents([PollRequest(descriptor, POLLOUT)], microseconds: rest)
      }
      guard unsafe mosquitto_disconnect_v5(handle, 0, nil) == 0 else { return }
      // The library closes the socket once DISCONNECT is written, which ends this by an error.
      while true {
        let rest = deadline - SystemClock.boot()
        if rest <= 0 { return }
        if try write() { return }
        _ = waitForEvents([PollRequest(descriptor, POLLOUT)], microseconds: rest)
      }
    } catch {}
  }

  /// Whether the peer has closed and nothing is left to read.
  ///
  /// The library misses this in the middle of a TLS handshake.
  var isAtEnd: Bool {
    guard let descriptor else { return true }
    if hasUnread { return false }
    return peek(descriptor) == 0
  }

  /// Whether bytes wait in the socket.
  var hasArrivals: Bool { descriptor.map { peek($0) > 0 } ?? false }

  /// As recv(2): 0 at the end.
  private func peek(_ descriptor: Int32) -> Int {
    var byte: UInt8 = 0
    return unsafe recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT))
  }
}

extension MosquittoClient {
  private func applySettings() throws(LinkFailure) {
    let link = settings.link
    _ = unsafe mosquitto_threaded_set(handle, true)
    setOption(
      MOSQ_OPT_PROTOCOL_VERSION,
      settings.version == .v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311
    )
    setOption(MOSQ_OPT_TCP_NODELAY, 1)
    // The core bounds what is in flight; the library must not queue behind a bound of its own.
    setOption(MOSQ_OPT_SEND_MAXIMUM, Int32(UInt16.max))
    if let receiveMaximum = settings.receiveMaximum {
      setOption(MOSQ_OPT_RECEIVE_MAXIMUM, Int32(UInt16(clamping: max(1, receiveMaximum))))
    }
    if link.username != nil || link.password != nil {
      let code = unsafe mosquitto_username_pw_set(handle, link.username, link.password)
      guard code == 0 else {
        throw LinkFailure(.refused, "username or password: \(libraryText(code))")
      }
    }
    if let tls = link.tls { try apply(tls) }
    try applyWill()
  }

  /// What the broker publishes for us when the link breaks without a word.
  private func applyWill() throws(LinkFailure) {
    guard settings.tellsStatus, let topic = settings.link.statusTopic else { return }
    let payload = Array(AgentPresence.offline.rawValue.utf8)
    let code = unsafe mosquitto_will_set_v5(
      handle,
      topic,
      Int32(payload.count),
      payload,
      1,
      true,
      nil
    )
    guard code == 0 else { throw LinkFailure(.refused, "last will: \(libraryText(code))") }
  }

  func setOption(_ option: mosq_opt_t, _ value: Int32) {
    _ = unsafe mosquitto_int_option(handle, option, value)
  }

  private func addProperties(
    _ properties: EventProperties,
    to list: inout OpaquePointer?
  ) -> Bool {
    if let contentType = properties.contentType {
      guard let text = cString(contentType) else { return false }
      let code = unsafe mosquitto_property_add_string(
        &list,
        Int32(MQTT_PROP_CONTENT_TYPE.rawValue),
        text
      )
      if code != 0 { return false }
    }
    for pair in properties.pairs {
      guard let name = cString(pair.name), let value = cString(pair.value) else { return false }
      let code = unsafe mosquitto_property_add_string_pair(
        &list,
        Int32(MQTT_PROP_USER_PROPERTY.rawValue),
        name,
        value
      )
      if code != 0 { return false }
    }
    return true
  }

  /// With the terminating NUL; nil where the text holds one itself.
  private func cString(_ bytes: [UInt8]) -> [CChar]? {
    bytes.contains(0) ? nil : bytes.map { CChar(bitPattern: $0) } + [0]
  }

  private func publishResult(code: Int32, messageID: Int32) -> PublishResult {
    switch mosq_err_t(code) {
    case MOSQ_ERR_SUCCESS: .sent(messageID: messageID)
    case MOSQ_ERR_NO_CONN, MOSQ_ERR_CONN_LOST: .lost
    case MOSQ_ERR_INVAL, MOSQ_ERR_MALFORMED_UTF8: .refused(reasonCode: 0x90)
    case MOSQ_ERR_PAYLOAD_SIZE, MOSQ_ERR_OVERSIZE_PACKET: .refused(reasonCode: 0x95)
    case MOSQ_ERR_NOMEM: .refused(reasonCode: 0x97)
    case MOSQ_ERR_RETAIN_NOT_SUPPORTED: .refused(reasonCode: 0x9a)
    case MOSQ_ERR_QOS_NOT_SUPPORTED: .refused(reasonCode: 0x9b)
    default: .refused(reasonCode: 0x80)
    }
  }
}

/// The library's one-time start, made by whichever client is first.
private let libraryIsReady: Bool = mosquitto_lib_init() == 0
