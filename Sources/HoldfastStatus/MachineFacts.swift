public import HoldfastEvent

/// What the disk was asked to do since the agent started; counted by the shell.
public struct DiskFigures: Equatable, Sendable {
  /// Bytes handed to the operating system, in files of ours.
  public var writtenByteCount: UInt64 = 0
  /// Calls of fdatasync(2) and fsync(2).
  public var syncCount: UInt64 = 0
  /// How long commits took: writing and waiting for the disk.
  public var commits = DurationHistogram()

  /// Nothing yet.
  public init() {}
}

/// What the operating system says of the process and of the device below the data directory; read
/// by the shell when somebody asks.
public struct MachineFacts: Equatable, Sendable {
  /// The block device that the ring lies on.
  public struct Device: Equatable, Sendable {
    /// As in `/sys/block`.
    public var name = ""
    /// Bytes.
    public var byteCount: UInt64 = 0
    /// `MMC`, `SD` or empty: as in `/sys/block/NAME/device/type`.
    public var kind = ""
    /// Written to it since it was switched on, by everybody, bytes.
    public var writtenByteCount: UInt64?
    /// Most of its life that is used, percent, in steps of ten: the worse of the two figures of an
    /// eMMC's DEVICE_LIFE_TIME_EST (JESD84-B51, 7.4.29); 110: more than it was made for.
    public var lifeUsedPercent: Int?
    /// Year and month in which it was made, where it tells (JESD84-B51, 7.2.7).
    public var made: (year: Int, month: Int)?

    /// A device that tells nothing.
    public init() {}

    /// Whether both tell the same.
    public static func == (left: Device, right: Device) -> Bool {
      left.name == right.name && left.byteCount == right.byteCount && left.kind == right.kind
        && left.writtenByteCount == right.writtenByteCount
        && left.lifeUsedPercent == right.lifeUsedPercent
        && left.made?.year == right.made?.year && left.made?.month == right.made?.month
    }

    /// Years that it will last if it goes on being used as it was since it was made; nil where it
    /// doesn't tell, where nothing is used up yet, or where the clock is wrong.
    public func yearsLeft(now: ClockReading) -> Double? {
      guard let lifeUsedPercent, lifeUsedPercent > 0, let made, ClockWatch.isCredible(now) else {
        return nil
      }
      let years = Double(now.wall) / 1e6 / 86_400 / 365.2425 + 1970
      let age = years - (Double(made.year) + Double(made.month - 1) / 12)
      guard age > 0.1 else { return nil }
      return max(0, age * Double(100 - lifeUsedPercent) / Double(lifeUsedPercent))
    }
  }

  /// Bytes of memory in use.
  public var residentByteCount: UInt64?
  /// Microseconds of all its threads.
  public var cpuMicroseconds: UInt64?
  /// Open descriptors.
  public var descriptorCount: UInt64?
  /// How many may be open.
  public var descriptorCountMax: UInt64?
  /// Threads.
  public var threadCount: UInt64?
  /// Whether the kernel holds its clock for synchronised (adjtimex(2)); nil where it doesn't tell.
  public var isClockSynchronised: Bool?
  /// Free bytes on the file system of the data directory.
  public var freeByteCount: UInt64?
  /// Nil where it can't be found.
  public var device: Device?

  /// Nothing known.
  public init() {}
}
