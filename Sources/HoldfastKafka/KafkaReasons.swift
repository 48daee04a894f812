#if Kafka
import CRdkafka
import HoldfastUpstream

/// What the library's error about a record means; nil: it was delivered.
func refusal(_ error: rd_kafka_resp_err_t) -> RecordRefusal? {
  switch error {
  case RD_KAFKA_RESP_ERR_NO_ERROR: nil
  case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    .batchTooLarge
  case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
    RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    .unknownTopic
  case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED: .topicNotAuthorized
  case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION: .invalidTopic
  case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP: .invalidTimestamp
  case RD_KAFKA_RESP_ERR_INVALID_MSG, RD_KAFKA_RESP_ERR_INVALID_RECORD,
    RD_KAFKA_RESP_ERR_POLICY_VIOLATION, RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT,
    RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, RD_KAFKA_RESP_ERR__INVALID_ARG:
    .invalidRecord
  case RD_KAFKA_RESP_ERR__QUEUE_FULL: .queueFull
  case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT: .timedOut
  default: .failed
  }
}

/// Whether a report only says that the client ends, or has to: the record was not refused.
func isClientsEnd(_ error: rd_kafka_resp_err_t) -> Bool {
  switch error {
  case RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT,
    RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR__DESTROY:
    true
  default: false
  }
}
#endif
