public import Logging

/// A swift-log handler: one line per event to standard error, for a journal or for people.
public struct LineLogHandler: LogHandler {
  /// Events below it are passed over.
  public var logLevel: Logger.Level = .info
  /// Appended to each line as `key=value`.
  public var metadata: Logger.Metadata = [:]
  private let sink: LogSink

  /// A handler for standard error.
  public init() { self.init(sink: .standardError) }

  package init(sink: LogSink) { self.sink = sink }

  /// One entry of ``metadata``.
  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Renders and writes one event.
  public func log(event: LogEvent) {
    var text = "\(event.message)"
    let all = event.metadata.map { metadata.merging($0) { _, new in new } } ?? metadata
    for (key, value) in all.sorted(by: { $0.key < $1.key }) { text += " \(key)=\(value)" }
    if let error = event.error { text += " error=\(error)" }
    sink.log(event.level, text)
  }
}
