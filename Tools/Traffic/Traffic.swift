@main struct Traffic { static func main() {} }
