import CMosquitto
import Glibc

/// A message as it came in; its pointers are valid during the callback only.
struct IncomingMessage {
  var topic: UnsafePointer<CChar>
  var payload: UnsafeRawBufferPointer
  var isRetained: Bool
  fileprivate var properties: OpaquePointer?

  /// Each user property in turn.
  func forEachUserProperty(_ body: (_ name: String, _ value: String) -> Void) {
    var position = properties
    var skipFirst = false
    while true {
      var name: UnsafeMutablePointer<CChar>?
      var value: UnsafeMutablePointer<CChar>?
      position = mosquitto_property_read_string_pair(
        position,
        Int32(MQTT_PROP_USER_PROPERTY.rawValue),
        &name,
        &value,
        skipFirst
      )
      guard position != nil else { return }
      skipFirst = true
      if let name, let value { body(String(cString: name), String(cString: value)) }
      free(name)
      free(value)
    }
  }
}

/// One libmosquitto client, driven by `pump` on the caller's thread.
final class MQTTClient {
  private static let keepAliveSeconds: Int32 = 30
  private static let sessionExpirySeconds: UInt32 = 86_400

  private let address: BrokerAddress
  private let clientID: String
  private let version: ProtocolVersion
  private let handle: OpaquePointer
  private var hasConnectedBefore = false
  private var isDrained = true
  private var lastHousekeeping = 0.0

  /// Whether CONNACK came and the connection is still there.
  private(set) var isConnected = false
  /// CONNACKs so far.
  private(set) var connectCount = 0
  var onConnect: () -> Void = {}
  /// A SUBACK.
  var onSubscribed: () -> Void = {}
  var onMessage: (IncomingMessage) -> Void = { _ in }
  /// A PUBACK: packet identifier and reason code.
  var onPublished: (_ packetID: Int32, _ reason: Int32) -> Void = { _, _ in }

  init(
    address: BrokerAddress,
    clientID: String,
    version: ProtocolVersion,
    window: Int,
    username: String? = nil,
    password: String? = nil
  ) throws {
    guard let handle = mosquitto_new(clientID, false, nil) else {
      throw TrafficError("no MQTT client: \(String(cString: strerror(errno)))")
    }
    self.address = address
    self.clientID = clientID
    self.version = version
    self.handle = handle
    let number = version == .mqtt5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311
    mosquitto_int_option(handle, MOSQ_OPT_PROTOCOL_VERSION, number)
    mosquitto_int_option(handle, MOSQ_OPT_TCP_NODELAY, 1)
    mosquitto_int_option(handle, MOSQ_OPT_SEND_MAXIMUM, Int32(window))
    if let username { mosquitto_username_pw_set(handle, username, password) }
    mosquitto_user_data_set(handle, Unmanaged.passUnretained(self).toOpaque())
    setCallbacks()
  }

  deinit { mosquitto_destroy(handle) }

  /// Connects, trying again until `deadline` (monotonic seconds) or a stop signal.
  func connect(until deadline: Double) throws {
    while true {
      let result = connectOnce()
      if result == MOSQ_ERR_SUCCESS.rawValue {
        while !isConnected, monotonicSeconds() < deadline, !StopSignal.isSet {
          if pump(milliseconds: 50) != MOSQ_ERR_SUCCESS.rawValue { break }
        }
        if isConnected { return }
      }
      if monotonicSeconds() >= deadline || StopSignal.isSet {
        throw TrafficError(
          "no broker at \(address.host):\(address.port): \(Self.text(result))"
        )
      }
      sleep(seconds: 0.1)
    }
  }

  func disconnect() {
    mosquitto_disconnect(handle)
    pump(milliseconds: 0)
    isConnected = false
  }

  func subscribe(_ filter: String) throws {
    let result = mosquitto_subscribe(handle, nil, filter, 1)
    guard result == MOSQ_ERR_SUCCESS.rawValue else {
      throw TrafficError("subscribe \(filter): \(Self.text(result))")
    }
  }

  /// Sends a message, and returns its packet identifier.
  func publish(_ topic: UnsafePointer<CChar>, _ payload: [UInt8], qos: Int32) throws -> Int32 {
    var packetID: Int32 = 0
    let result = mosquitto_publish(
      handle,
      &packetID,
      topic,
      Int32(payload.count),
      payload,
      qos,
      false
    )
    // Without a connection the library keeps the message and sends it after the next CONNACK.
    if result == MOSQ_ERR_NO_CONN.rawValue || result == MOSQ_ERR_CONN_LOST.rawValue {
      isConnected = false
    } else if result != MOSQ_ERR_SUCCESS.rawValue {
      throw TrafficError("publish: \(Self.text(result))")
    }
    return packetID
  }

  /// Reads and writes for at most `milliseconds`; anything but success means: connect again.
  @discardableResult
  func pump(milliseconds: Int32) -> Int32 {
    let socket = mosquitto_socket(handle)
    guard socket >= 0 else {
      isConnected = false
      return MOSQ_ERR_NO_CONN.rawValue
    }
    let events = Int16(POLLIN) | (mosquitto_want_write(handle) ? Int16(POLLOUT) : 0)
    var descriptor = pollfd(fd: socket, events: events, revents: 0)
    poll(&descriptor, 1, milliseconds)
    var result = MOSQ_ERR_SUCCESS.rawValue
    if descriptor.revents & ~Int16(POLLOUT) != 0 {
      // One packet per call, until there is none; a bound keeps the caller's turn from starving.
      for _ in 0..<512 {
        isDrained = true
        errno = 0
        result = mosquitto_loop_read(handle, 1)
        if result != MOSQ_ERR_SUCCESS.rawValue || (errno == EAGAIN && isDrained) { break }
      }
    }
    if result == MOSQ_ERR_SUCCESS.rawValue, mosquitto_want_write(handle) {
      result = mosquitto_loop_write(handle, 1)
    }
    let now = monotonicSeconds()
    if result == MOSQ_ERR_SUCCESS.rawValue, now - lastHousekeeping > 1 {
      lastHousekeeping = now
      result = mosquitto_loop_misc(handle)
    }
    if result != MOSQ_ERR_SUCCESS.rawValue { isConnected = false }
    return result
  }

  private func connectOnce() -> Int32 {
    guard !hasConnectedBefore else { return mosquitto_reconnect(handle) }
    var properties: OpaquePointer?
    defer { mosquitto_property_free_all(&properties) }
    if version == .mqtt5 {
      mosquitto_property_add_int32(
        &properties,
        Int32(MQTT_PROP_SESSION_EXPIRY_INTERVAL.rawValue),
        Self.sessionExpirySeconds
      )
      mosquitto_property_add_int16(
        &properties,
        Int32(MQTT_PROP_RECEIVE_MAXIMUM.rawValue),
        1000
      )
    }
    let result = mosquitto_connect_bind_v5(
      handle,
      address.host,
      address.port,
      Self.keepAliveSeconds,
      nil,
      properties
    )
    if result == MOSQ_ERR_SUCCESS.rawValue { hasConnectedBefore = true }
    return result
  }

  private func setCallbacks() {
    mosquitto_connect_v5_callback_set(handle) { _, context, reason, _, _ in
      guard let client = MQTTClient.from(context), reason == 0 else { return }
      client.isDrained = false
      client.isConnected = true
      client.connectCount += 1
      client.onConnect()
    }
    mosquitto_subscribe_v5_callback_set(handle) { _, context, _, _, _, _ in
      MQTTClient.from(context)?.onSubscribed()
    }
    mosquitto_publish_v5_callback_set(handle) { _, context, packetID, reason, _ in
      guard let client = MQTTClient.from(context) else { return }
      client.isDrained = false
      client.onPublished(packetID, reason)
    }
    mosquitto_message_v5_callback_set(handle) { _, context, message, properties in
      guard let client = MQTTClient.from(context), let message = message?.pointee,
        let topic = message.topic
      else { return }
      client.isDrained = false
      let payload = UnsafeRawBufferPointer(start: message.payload, count: Int(message.payloadlen))
      client.onMessage(
        IncomingMessage(
          topic: topic,
          payload: payload,
          isRetained: message.retain,
          properties: properties
        )
      )
    }
  }

  private static func from(_ context: UnsafeMutableRawPointer?) -> MQTTClient? {
    context.map { Unmanaged<MQTTClient>.fromOpaque($0).takeUnretainedValue() }
  }

  private static func text(_ result: Int32) -> String {
    if result == MOSQ_ERR_ERRNO.rawValue { return String(cString: strerror(errno)) }
    return String(cString: mosquitto_strerror(result))
  }
}
