import ArgumentParser
import Glibc
import HoldfastEvent
import HoldfastRingLog
import HoldfastSystem

/// Where a range begins or ends: a sequence number or a time.
enum RecordedPlace {
  case number(SequenceNumber)
  case time(RecordedTime)

  init(_ argument: String) throws {
    if let number = UInt64(argument) {
      self = .number(number)
    } else {
      self = .time(try RecordedTime(argument))
    }
  }
}

/// `holdfast ring export`: a range of the log as a file.
struct RingExport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes a range of stored events as NDJSON, for other programs.",
    discussion: """
      Each line is an object as ndjson batches hold it, the agent's id left out:
      log, seq, time, topic, payload (payload_base64 where it isn't UTF-8), and
      gap records in their places. A place is a sequence number, RFC 3339, or a
      span back from now. Times are those of arrival; --to is not included.

      With --output the file is written beside its name and put in place when it
      is complete and on disk.

      EXAMPLES:
        holdfast ring export --from 24h --output yesterday.ndjson
        holdfast ring export --from 120000 --to 130000 --topic 'plant/#' | zstd > part.zst
      """
  )

  @Option(help: ArgumentHelp("The data directory.", valueName: "directory"))
  var dataDir = RingPlace.defaultPath

  @Option(
    help: ArgumentHelp("The place to begin with.", valueName: "place"),
    transform: RecordedPlace.init
  )
  var from: RecordedPlace?

  @Option(
    help: ArgumentHelp("The place to end before.", valueName: "place"),
    transform: RecordedPlace.init
  )
  var to: RecordedPlace?

  @Option(
    help: ArgumentHelp("Only events whose topic matches.", valueName: "filter"),
    transform: topicFilter
  )
  var topic: TopicFilter?

  @Option(help: ArgumentHelp("The file to write (default: standard output).", valueName: "file"))
  var output: String?

  func validate() throws {
    if dataDir.isEmpty { throw ValidationError("--data-dir must not be empty.") }
  }

  func run() throws {
    let place = RingPlace(path: dataDir)
    let ring = try place.inspect(place.disk())
    var printer = EventPrinter(filter: topic, isJSON: true, count: nil)
    let now = RecordedTime.now()
    var first = max(1, ring.oldest)
    var last = ring.end
    var times = Int64.min..<Int64.max
    switch from {
    case .number(let number): first = max(first, number)
    case .time(let time): times = min(time.wall(now: now), times.upperBound)..<times.upperBound
    case nil: break
    }
    switch to {
    case .number(let number): last = min(last, number)
    case .time(let time):
      times = times.lowerBound..<max(times.lowerBound, time.wall(now: now))
    case nil: break
    }
    printer.times = times
    let file = try output.map(NewFile.init)
    if let file { printer.redirect(to: file.descriptor) }
    var progress = Progress("export", isAmongOutput: file == nil)
    var walk = RingWalk(position: first)
    while walk.position < last {
      guard try printer.step(ring, &walk, before: last) else { break }
      progress.show(walk.position - first, of: last - min(last, first))
    }
    try printer.flush()
    progress.clear()
    try file?.finish()
    if let output { complain("\(output): \(printer.writtenCount) events") }
  }
}

/// A file that gets its name when it is complete.
final class NewFile {
  let descriptor: Int32
  private let path: String
  private let temporaryPath: String
  private var isFinished = false

  /// Ends the command with 74 where it can't be made.
  init(_ path: String) throws {
    self.path = path
    temporaryPath = "\(path).part"
    descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
    guard descriptor >= 0 else { throw Self.failure(temporaryPath) }
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    if !isFinished { unlink(temporaryPath) }
  }

  func finish() throws {
    guard fsync(descriptor) == 0, rename(temporaryPath, path) == 0 else {
      throw Self.failure(path)
    }
    isFinished = true
  }

  private static func failure(_ path: String) -> ExitCode {
    complain("\(path): \(String(cString: strerror(errno)))")
    return ExitCode(ExitStatus.inputOutput)
  }
}
