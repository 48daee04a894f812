import CMosquitto
import Glibc
import HoldfastEvent
import HoldfastLink

extension MosquittoClient {
  /// Points the library's callbacks at the client in its user data.
  func setCallbacks(_ handle: OpaquePointer) {
    unsafe mosquitto_connect_v5_callback_set(handle) { _, context, code, flags, properties in
      let client = unsafe MosquittoClient.from(context)
      unsafe client?.didAnswerConnect(code: code, flags: flags, properties: properties)
    }
    unsafe mosquitto_disconnect_v5_callback_set(handle) { _, context, code, _ in
      // From 0x80 on a reason code of the peer's; below it the library's own error number, which
      // the loop call returns as well.
      if code >= 0x80 { unsafe MosquittoClient.from(context)?.disconnectReason = code }
    }
    unsafe mosquitto_subscribe_v5_callback_set(handle) { _, context, _, count, codes, _ in
      let codes = unsafe Array(UnsafeBufferPointer(start: codes, count: Int(max(0, count))))
      unsafe MosquittoClient.from(context)?.didSubscribe(codes)
    }
    unsafe mosquitto_message_v5_callback_set(handle) { _, context, message, properties in
      guard let message = unsafe message else { return }
      unsafe MosquittoClient.from(context)?.didReceive(message.pointee, properties)
    }
    unsafe mosquitto_publish_v5_callback_set(handle) { _, context, messageID, reason, _ in
      let client = unsafe MosquittoClient.from(context)
      client?.callbackCount += 1
      client?.receiver?.acknowledged(
        messageID: messageID,
        reasonCode: UInt8(truncatingIfNeeded: reason)
      )
    }
    unsafe mosquitto_log_callback_set(handle) { _, context, level, text in
      guard level == MOSQ_LOG_ERR, let text = unsafe text,
        let client = unsafe MosquittoClient.from(context), client.errorLine == nil
      else { return }
      client.errorLine = unsafe String(cString: text)
    }
  }

  private static func from(_ context: UnsafeMutableRawPointer?) -> MosquittoClient? {
    guard let context = unsafe context else { return nil }
    return unsafe Unmanaged<MosquittoClient>.fromOpaque(context).takeUnretainedValue()
  }

  func didAnswerConnect(code: Int32, flags: Int32, properties: OpaquePointer?) {
    callbackCount += 1
    guard code == 0 else {
      refusal = refusalFailure(code: code)
      return
    }
    var grant = SessionGrant(
      protocolVersion: settings.version,
      isSessionPresent: flags & 1 != 0
    )
    if let properties = unsafe properties {
      var maximum: UInt16 = 0
      if unsafe mosquitto_property_read_int16(
        properties,
        Int32(MQTT_PROP_RECEIVE_MAXIMUM.rawValue),
        &maximum,
        false
      ) != nil {
        grant.receiveMaximum = Int(maximum)
      }
      var byteCount: UInt32 = 0
      if unsafe mosquitto_property_read_int32(
        properties,
        Int32(MQTT_PROP_MAXIMUM_PACKET_SIZE.rawValue),
        &byteCount,
        false
      ) != nil {
        grant.packetByteCountMax = Int(clamping: byteCount)
      }
      var qos: UInt8 = 0
      if unsafe mosquitto_property_read_byte(
        properties,
        Int32(MQTT_PROP_MAXIMUM_QOS.rawValue),
        &qos,
        false
      ) != nil, qos == 0 {
        refusal = LinkFailure(
          .refused,
          "the broker grants QoS 0 only, which nobody acknowledges; allow QoS 1 there"
        )
        return
      }
    }
    self.grant = grant
    tellStatus(.online)
    receiver?.granted(grant, by: self)
  }

  func didSubscribe(_ codes: [Int32]) {
    callbackCount += 1
    receiver?.subscribed(codes: codes)
  }

  func didReceive(_ message: mosquitto_message, _ properties: OpaquePointer?) {
    callbackCount += 1
    guard let receiver, let topic = unsafe message.topic else { return }
    unsafe receiver.received(
      topic: UnsafeRawBufferPointer(start: topic, count: strlen(topic)),
      payload: UnsafeRawBufferPointer(
        start: message.payload,
        count: Int(max(0, message.payloadlen))
      ),
      properties: properties == nil ? [] : encodedProperties(properties),
      isQoS1: message.qos > 0,
      isRetained: message.retain
    )
  }

  private func encodedProperties(_ list: OpaquePointer?) -> [UInt8] {
    var kept = EventProperties()
    var property = unsafe list
    while let current = unsafe property {
      switch mqtt5_property(UInt32(unsafe mosquitto_property_identifier(current))) {
      case MQTT_PROP_CONTENT_TYPE:
        var value: UnsafeMutablePointer<CChar>?
        _ = unsafe mosquitto_property_read_string(
          current,
          Int32(MQTT_PROP_CONTENT_TYPE.rawValue),
          &value,
          false
        )
        kept.contentType = unsafe takeBytes(value)
      case MQTT_PROP_USER_PROPERTY:
        var name: UnsafeMutablePointer<CChar>?
        var value: UnsafeMutablePointer<CChar>?
        _ = unsafe mosquitto_property_read_string_pair(
          current,
          Int32(MQTT_PROP_USER_PROPERTY.rawValue),
          &name,
          &value,
          false
        )
        kept.pairs.append(
          EventProperties.Pair(
            name: unsafe takeBytes(name) ?? [],
            value: unsafe takeBytes(value) ?? []
          )
        )
      default:
        break
      }
      unsafe property = unsafe mosquitto_property_next(current)
    }
    return kept.encoded
  }

  /// The bytes of a C string that is ours to free.
  private func takeBytes(_ text: UnsafeMutablePointer<CChar>?) -> [UInt8]? {
    guard let text = unsafe text else { return nil }
    defer { unsafe free(text) }
    return unsafe Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
  }
}
