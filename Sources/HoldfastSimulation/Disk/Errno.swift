/// The error numbers that the simulation uses, as on Linux.
public enum Errno {
  /// As in errno(3).
  public static let noEntry: Int32 = 2
  /// As in errno(3).
  public static let interrupted: Int32 = 4
  /// As in errno(3).
  public static let inputOutput: Int32 = 5
  /// As in errno(3).
  public static let badFile: Int32 = 9
  /// As in errno(3).
  public static let exists: Int32 = 17
  /// As in errno(3).
  public static let tooManyFiles: Int32 = 24
  /// As in errno(3).
  public static let noSpace: Int32 = 28
  /// As in errno(3).
  public static let readOnly: Int32 = 30
  /// As in errno(3).
  public static let quotaExceeded: Int32 = 122

  /// What a disk operation may fail with for good reason.
  public static let ofDisks = [
    inputOutput, noSpace, quotaExceeded, readOnly, interrupted, tooManyFiles,
  ]

  /// `EIO` and so on; the number where it has no name here.
  public static func name(_ errno: Int32) -> String {
    switch errno {
    case noEntry: "ENOENT"
    case interrupted: "EINTR"
    case inputOutput: "EIO"
    case badFile: "EBADF"
    case exists: "EEXIST"
    case tooManyFiles: "EMFILE"
    case noSpace: "ENOSPC"
    case readOnly: "EROFS"
    case quotaExceeded: "EDQUOT"
    default: String(errno)
    }
  }
}
