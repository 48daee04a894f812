// librdkafka as far as a configuration asks for it. This target is the only one that calls the
// library; without the package trait `Kafka` it has the same interface and knows no property.

public import HoldfastUpstream

#if Kafka
import CRdkafka
import Glibc
#endif

/// What the library that this program was built with says.
public enum KafkaLibrary {
  /// Whether the program was built with the package trait `Kafka`.
  public static var isBuiltIn: Bool {
    #if Kafka
    true
    #else
    false
    #endif
  }

  /// What is wrong with a property by itself; nil: nothing.
  public static func fault(of property: KafkaConfiguration.Property) -> KafkaPropertyFault? {
    if let fault = property.ownFault { return fault }
    #if Kafka
    guard let conf = unsafe rd_kafka_conf_new() else { return nil }
    defer { unsafe rd_kafka_conf_destroy(conf) }
    var text = [CChar](repeating: 0, count: errorTextByteCount)
    let result = unsafe rd_kafka_conf_set(conf, property.name, property.value, &text, text.count)
    switch result {
    case RD_KAFKA_CONF_OK: return nil
    case RD_KAFKA_CONF_UNKNOWN:
      return KafkaPropertyFault(
        what: "is no property of librdkafka",
        remedy: "see CONFIGURATION.md of librdkafka, or remove it"
      )
    default:
      let reason = property.isSecret ? "can't be used" : "can't be used: \(string(text))"
      return KafkaPropertyFault(what: reason, remedy: "correct it")
    }
    #else
    return nil
    #endif
  }

  /// What is wrong with all properties together; nil: nothing.
  ///
  /// Makes a client that knows no broker, and so connects to nothing, and lets it go.
  public static func fault(of settings: KafkaSettings) -> KafkaPropertyFault? {
    #if Kafka
    if settings.isActive { return nil }
    guard let conf = unsafe rd_kafka_conf_new() else { return nil }
    unsafe rd_kafka_conf_set_log_cb(conf) { _, _, _, _ in }
    for property in settings.all where property.name != "bootstrap.servers" {
      unsafe rd_kafka_conf_set(conf, property.name, property.value, nil, 0)
    }
    var text = [CChar](repeating: 0, count: errorTextByteCount)
    if let handle = unsafe rd_kafka_new(RD_KAFKA_PRODUCER, conf, &text, text.count) {
      unsafe rd_kafka_destroy(handle)
      return nil
    }
    unsafe rd_kafka_conf_destroy(conf)
    let reason = string(text)
    let isFile = settings.properties.contains { $0.name.hasSuffix(".location") }
    return KafkaPropertyFault(
      what: "make no client: \(reason)",
      remedy: "correct it",
      isPassing: isFile && reason.contains("ssl.")
    )
    #else
    return nil
    #endif
  }

  /// The names of all properties, sorted; empty without the library.
  public static var propertyNames: [String] {
    #if Kafka
    guard let conf = unsafe rd_kafka_conf_new() else { return [] }
    defer { unsafe rd_kafka_conf_destroy(conf) }
    var count = 0
    guard let pairs = unsafe rd_kafka_conf_dump(conf, &count) else { return [] }
    defer { unsafe rd_kafka_conf_dump_free(pairs, count) }
    var names: [String] = []
    for index in stride(from: 0, to: count, by: 2) {
      if let name = unsafe pairs[index] { names.append(unsafe String(cString: name)) }
    }
    return names.sorted()
    #else
    return []
    #endif
  }
}

#if Kafka
/// Room for the library's words about a fault.
let errorTextByteCount = 512

/// The text before the NUL, on one line.
func string(_ text: [CChar]) -> String {
  let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
  return String(decoding: bytes.map { $0 < 0x20 ? 0x20 : $0 }, as: UTF8.self)
}
#endif
