// A cluster of librdkafka's mock brokers on 127.0.0.1, told by lines on standard input what to do.

import Glibc

#if Kafka
import CRdkafka
#endif

/// Plays a cluster: `kafka-mock BROKERS`.
///
/// It prints `bootstrap HOST:PORT,…`, and then obeys one command per line:
///
/// - `topic NAME PARTITIONS`: makes a topic, with three replicas or as many as there are brokers.
/// - `down`, `up`: every broker closes its connections and takes none; takes them again.
/// - `down N`, `up N`: one broker, from 1.
/// - `leader TOPIC PARTITION N`: another broker leads a partition.
/// - `rtt MILLISECONDS`: every answer takes that long.
/// - `fail COUNT CODE`: the next so many Produce requests are answered with that error of Kafka's.
/// - `unknown TOPIC`, `known TOPIC`: there is no such topic; there is.
///
/// Each is answered with `ok`, or with `error` and why. Ends with standard input.
///
/// `kafka-mock refusing` is a server that refuses whoever logs in, and obeys nothing.
@main
struct KafkaMock {
  static func main() {
    #if Kafka
    if CommandLine.arguments.dropFirst().first == "refusing", let server = RefusingServer() {
      say("bootstrap \(server.bootstrap)")
      server.serve()
      return
    }
    let count = CommandLine.arguments.dropFirst().first.flatMap { Int32($0) } ?? 1
    guard (1...9).contains(count), let cluster = MockCluster(brokerCount: count) else {
      print("usage: kafka-mock BROKERS, 1 to 9 of them")
      exit(64)
    }
    say("bootstrap \(cluster.bootstrap)")
    while let line = readLine() {
      say(cluster.obey(line.split(separator: " ").map(String.init)))
    }
    #else
    print("this program was built without Kafka")
    exit(69)
    #endif
  }
}

/// A line at once, whatever standard output is.
private func say(_ line: String) {
  print(line)
  fflush(nil)
}

#if Kafka
private final class MockCluster {
  /// Of the protocol: Produce requests.
  private static let produceKey: Int16 = 0

  private let handle: OpaquePointer
  private let cluster: OpaquePointer
  private let brokerCount: Int32

  init?(brokerCount: Int32) {
    var text = [CChar](repeating: 0, count: 512)
    let conf = rd_kafka_conf_new()
    // It would complain that it knows no brokers: they are made after it.
    rd_kafka_conf_set(conf, "log_level", "0", nil, 0)
    guard let handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, &text, text.count),
      let cluster = rd_kafka_mock_cluster_new(handle, brokerCount)
    else { return nil }
    self.handle = handle
    self.cluster = cluster
    self.brokerCount = brokerCount
  }

  var bootstrap: String { String(cString: rd_kafka_mock_cluster_bootstraps(cluster)) }

  func obey(_ words: [String]) -> String {
    let error: rd_kafka_resp_err_t
    switch (words.first, words.count) {
    case ("topic", 3):
      error = rd_kafka_mock_topic_create(
        cluster,
        words[1],
        Int32(words[2]) ?? 1,
        min(3, brokerCount)
      )
    case ("down", _): error = onBrokers(words) { rd_kafka_mock_broker_set_down(cluster, $0) }
    case ("up", _): error = onBrokers(words) { rd_kafka_mock_broker_set_up(cluster, $0) }
    case ("leader", 4):
      error = rd_kafka_mock_partition_set_leader(
        cluster,
        words[1],
        Int32(words[2]) ?? 0,
        Int32(words[3]) ?? 1
      )
    case ("rtt", 2):
      let time = Int32(words[1]) ?? 0
      error = onBrokers([]) { rd_kafka_mock_broker_set_rtt(cluster, $0, time) }
    case ("fail", 3):
      let errors = [rd_kafka_resp_err_t](
        repeating: rd_kafka_resp_err_t(Int32(words[2]) ?? -1),
        count: max(0, min(10_000, Int(words[1]) ?? 0))
      )
      rd_kafka_mock_push_request_errors_array(cluster, Self.produceKey, errors.count, errors)
      error = RD_KAFKA_RESP_ERR_NO_ERROR
    case ("unknown", 2):
      rd_kafka_mock_topic_set_error(
        cluster,
        words[1],
        RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
      )
      error = RD_KAFKA_RESP_ERR_NO_ERROR
    case ("known", 2):
      rd_kafka_mock_topic_set_error(cluster, words[1], RD_KAFKA_RESP_ERR_NO_ERROR)
      error = RD_KAFKA_RESP_ERR_NO_ERROR
    default: return "error unknown command"
    }
    return error == RD_KAFKA_RESP_ERR_NO_ERROR
      ? "ok" : "error \(String(cString: rd_kafka_err2str(error)))"
  }

  /// The brokers that a command names: one by its number, or all.
  private func onBrokers(
    _ words: [String],
    _ act: (Int32) -> rd_kafka_resp_err_t
  ) -> rd_kafka_resp_err_t {
    if words.count == 2 { return Int32(words[1]).map(act) ?? RD_KAFKA_RESP_ERR__INVALID_ARG }
    for broker in 1...brokerCount {
      let error = act(broker)
      if error != RD_KAFKA_RESP_ERR_NO_ERROR { return error }
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR
  }
}
#endif
