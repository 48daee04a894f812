/// How the bytes of a payload are read; nothing is guessed.
public enum PayloadFormat: String, CaseIterable, Sendable {
  /// RFC 8259; one value, of any type.
  case json
  /// A plain number, boolean or text: the whole payload is one value.
  case text
  /// RFC 8949, one item.
  case cbor
  /// The MessagePack specification, one object.
  case messagepack
  /// InfluxDB line protocol: the first line counts; fields and tags are its names.
  case line
  /// Eclipse Sparkplug B (protobuf): metrics by name.
  case sparkplug
}

/// Why a payload could not be read.
public enum PayloadFault: String, Error, CaseIterable, Sendable {
  /// It does not follow its format.
  case malformed
  /// Nested deeper than ``depthMax``.
  case tooDeep = "too-deep"
  /// It ends early.
  case truncated
  /// Something stands behind its end.
  case trailing
}

/// Most levels of objects and arrays within each other that are followed.
public let depthMax = 64
