import HoldfastPayload

/// The text of a path.
func fuzzFieldPath(_ bytes: [UInt8]) throws(Finding) {
  let text = String(decoding: bytes, as: UTF8.self)
  let path: FieldPath
  do throws(TextFault) {
    path = try FieldPath(text)
  } catch {
    try check((1...text.count + 1).contains(error.column), "a fault in column \(error.column)")
    try check(!error.message.isEmpty, "refused without a reason")
    return
  }
  try check(path.steps.count <= depthMax, "\(path.steps.count) steps")
  let again = try? FieldPath(path.description)
  try check(again == path, "\(path) is written in a way that is not read back")
}

/// A path up to the first line break, then a payload.
func fuzzJSONPayload(_ bytes: [UInt8]) throws(Finding) {
  let reading = try fuzzPayload(bytes, .json)
  try reading.checkNumber()
  guard let field = reading.field, field.kind == .text, reading.isValidUTF8 else { return }
  let text = jsonText(reading.payload[field.range])
  try check(text.count <= field.range.count, "a text of \(text.count) bytes")
  try check(field.hasEscapes || text == Array(reading.payload[field.range]), "another text")
  try check(String(validating: text, as: UTF8.self) != nil, "a text that is no UTF-8")
}

/// As for JSON.
func fuzzTextPayload(_ bytes: [UInt8]) throws(Finding) {
  let reading = try fuzzPayload(bytes, .text)
  try check(reading.fault == nil, "a text is never a fault")
  try reading.checkNumber()
}

/// As for JSON.
func fuzzCBORPayload(_ bytes: [UInt8]) throws(Finding) { _ = try fuzzPayload(bytes, .cbor) }

/// As for JSON.
func fuzzMessagePackPayload(_ bytes: [UInt8]) throws(Finding) {
  _ = try fuzzPayload(bytes, .messagepack)
}

/// As for JSON.
func fuzzLinePayload(_ bytes: [UInt8]) throws(Finding) {
  let reading = try fuzzPayload(bytes, .line)
  guard let field = reading.field, field.kind == .text else { return }
  let text = reading.payload.withUnsafeBytes { characters(of: field, in: $0, as: .line) }
  try check(text.count <= field.range.count, "a text of \(text.count) bytes")
}

/// As for JSON.
func fuzzSparkplugPayload(_ bytes: [UInt8]) throws(Finding) {
  let reading = try fuzzPayload(bytes, .sparkplug)
  _ = reading.payload.withUnsafeBytes { isHistorical(sparkplug: $0) }
}

/// One path's field of one payload.
private struct PayloadReading {
  var payload: [UInt8]
  var field: Field?
  var fault: PayloadFault?

  var isValidUTF8: Bool { String(validating: payload, as: UTF8.self) != nil }

  /// A number that is written in decimal is what the standard library makes of it.
  func checkNumber() throws(Finding) {
    guard let field, field.kind == .number, field.range.count <= 1024 else { return }
    let text = String(decoding: payload[field.range], as: UTF8.self)
    try check(field.number.bitPattern == Double(text)?.bitPattern, "\(text) is \(field.number)")
  }
}

private func fuzzPayload(
  _ bytes: [UInt8],
  _ format: PayloadFormat
) throws(Finding) -> PayloadReading {
  let line = bytes.prefix { $0 != 0x0A }
  let path = (try? FieldPath(String(decoding: line, as: UTF8.self))) ?? .whole
  let payload = Array(bytes.dropFirst(line.count + 1))
  let (fields, fault) = read(payload, format, [path])
  let field = fields.first ?? .missing
  try check(read(payload, format, [path]).fields == fields, "the same payload is read in two ways")
  let range = field.range
  try check(range.lowerBound >= 0 && range.upperBound <= payload.count, "a field outside")
  try check(fault == nil || field == .missing, "a field in spite of a fault")
  let worth = payload.withUnsafeBytes { numericValue(of: field, in: $0) }
  try check(worth?.isFinite != false, "worth \(worth ?? 0)")
  // Reading on for another path changes nothing, but that a fault may be found behind the field.
  if let nowhere = try? FieldPath(#""not there""#) {
    let (more, moreFault) = read(payload, format, [nowhere, path, path])
    try check(fault == nil || moreFault == fault, "a fault is not found again")
    if moreFault == nil {
      try check(more.count == 3 && more[1] == field && more[2] == field, "another field")
    }
  }
  return PayloadReading(payload: payload, field: field, fault: fault)
}

/// NaN is not equal to itself, so it is taken for 0 here.
private func read(
  _ payload: [UInt8],
  _ format: PayloadFormat,
  _ paths: [FieldPath]
) -> (fields: [Field], fault: PayloadFault?) {
  var scanner = FieldScanner(paths: paths)
  var fields: [Field] = []
  let fault = payload.withUnsafeBytes { scanner.read($0, as: format, into: &fields) }
  for place in fields.indices where fields[place].number.isNaN { fields[place].number = 0 }
  return (fields, fault)
}
