import ArgumentParser
import HoldfastRingLog
import HoldfastSystem

/// `holdfast ring`: what looks at a ring log.
struct Ring: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Looks at the ring log, beside a running agent too.",
    discussion: """
      Reads and never writes, `resend` excepted.

      EXAMPLES:
        holdfast ring ls
        holdfast ring cat --from 1000 --count 20 --topic 'sensors/+/temperature'
        holdfast ring verify --data-dir /mnt/card/holdfast
      """,
    subcommands: [
      RingList.self, RingCat.self, RingExport.self, RingForecast.self, RingVerify.self,
      RingDeadLetters.self, RingResend.self,
    ]
  )
}

/// Where the ring log lies, and how the output looks.
struct RingOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The data directory.", valueName: "directory"))
  var dataDir = RingPlace.defaultPath

  @Flag(help: "Writes JSON instead of text.")
  var json = false

  func validate() throws {
    if dataDir.isEmpty { throw ValidationError("--data-dir must not be empty.") }
  }

  /// Where that is.
  var place: RingPlace { RingPlace(path: dataDir) }

  /// The directory, for reading.
  func disk() -> PosixDisk { place.disk() }

  /// The ring log in it; ends the command with 66 where there is none.
  func inspect(_ disk: PosixDisk) throws -> RingInspection { try place.inspect(disk) }
}

/// A data directory that is looked at.
struct RingPlace {
  static let defaultPath = "/var/lib/holdfast"

  var path: String

  /// The directory, for reading.
  func disk() -> PosixDisk { PosixDisk(path: path, access: .inspection) }

  /// The ring log in it; ends the command with 66 where there is none.
  func inspect(_ disk: PosixDisk) throws -> RingInspection {
    do {
      return try RingInspection(disk: disk)
    } catch {
      throw failure(error)
    }
  }

  /// Says what is wrong and names the exit code.
  func failure(_ error: RingInspectionError) -> ExitCode {
    switch error {
    case .missing: complain("\(path): there is no ring log; name its place with --data-dir")
    case .newer: complain("\(path): a newer version of Holdfast wrote this ring log; use it")
    case .disk(let error): complain("\(path): the ring log can't be read: \(error)")
    }
    return ExitCode(ExitStatus.noInput)
  }
}
