/// A line of one of the files that make up a configuration.
struct FileLine: Hashable, Comparable, ExpressibleByIntegerLiteral {
  /// Which file, in the order of reading; 0 is the one that was named.
  var file = 0
  /// From 1.
  var number: Int

  init(file: Int = 0, number: Int) {
    self.file = file
    self.number = number
  }

  /// A line of the file that was named.
  init(integerLiteral number: Int) { self.number = number }

  static func < (first: FileLine, second: FileLine) -> Bool {
    (first.file, first.number) < (second.file, second.number)
  }
}
