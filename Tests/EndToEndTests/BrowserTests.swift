import Glibc
import HoldfastEvent
import HoldfastStatus
import Testing

/// The page as a browser shows it.
@Suite struct BrowserTests {
  /// A Python with playwright in it; nil, and a counted skip, where there can be none.
  private func python(in scratch: Scratch) async throws -> String? {
    guard access("/usr/bin/chromium", X_OK) == 0 else {
      Ledger.skip("the status page in a browser", because: "there is no chromium")
      return nil
    }
    if let python = getenv("HOLDFAST_PLAYWRIGHT_PYTHON") { return String(cString: python) }
    let venv = scratch.newPath("venv")
    for command in [
      ["python3", "-m", "venv", venv],
      [
        "\(venv)/bin/pip", "install", "--quiet", "--disable-pip-version-check",
        "playwright==1.65.*",
      ],
    ] {
      let result = try await run(command[0], Array(command.dropFirst()), in: scratch, within: 300)
      guard result.status == .code(0) else {
        Ledger.skip(
          "the status page in a browser",
          because: "\(command[1]): \(result.output.suffix(300))"
        )
        return nil
      }
    }
    return "\(venv)/bin/python"
  }

  /// Made-up reports show what takes a day to come about; agents show that they come to it.
  @Test(.timeLimit(.minutes(10)))
  func
    `in each state it is readable in light and dark, wide and on a phone, with and without JavaScript`()
    async throws
  {
    let scratch = try Scratch()
    guard let python = try await python(in: scratch) else { return }
    let sites = try Scene.allCases.map { scene in try StatusSite(aging: scene.report()) }
    let pages = zip(Scene.allCases, sites).map { "\($0.rawValue)=\($1.url)" }
    try await look(python, views: ["light-wide", "dark-phone"], at: pages, in: scratch)
    withExtendedLifetime(sites) {}

    let agents = AgentsInStates(in: scratch)
    for scene in Scene.allCases { try await agents.add(scene) }
    try await look(python, views: ["light-phone", "dark-wide"], at: agents.pages, in: scratch)
    for (scene, place) in agents.places {
      #expect(agents.isShown(scene, at: place), "\(scene): it was another state in between")
    }
    try await agents.stop()
  }

  private func look(
    _ python: String,
    views: [String],
    at pages: [String],
    in scratch: Scratch
  ) async throws {
    let directory = getenv("HOLDFAST_SCREENSHOTS").map { String(cString: $0) } ?? scratch.path
    let arguments = [browserScript, directory, views.joined(separator: ",")] + pages
    let result = try await run(python, arguments, in: scratch, within: 250)
    #expect(result.status == .code(0), "\(result.output)")
    print("status page in Chromium: \(result.output)")
    Ledger.add(pages.count * views.count, "views of the status page in a browser")
  }
}

extension StatusSite {
  /// A server over one report whose clocks go on.
  convenience init(aging report: StatusReport) throws {
    let clock = ContinuousClock()
    let start = clock.now
    try self.init {
      let elapsed = start.duration(to: clock.now).components.seconds * 1_000_000
      var later = report
      later.now.boot += elapsed
      later.now.wall += elapsed
      return later
    }
  }
}

/// Agents, each with brokers and sensors of its own, brought into the states that a page must show.
private final class AgentsInStates {
  private let scratch: Scratch
  private var sites: [Site] = []
  private var calls: FailingCalls?
  private var clockProcess: Int32 = 0
  /// Where the page of each is.
  private(set) var places: [(Scene, HTTPClient.Place)] = []
  /// The same for a browser.
  private(set) var pages: [String] = []

  init(in scratch: Scratch) { self.scratch = scratch }

  deinit {
    // libfaketime leaves these behind.
    unlink("/dev/shm/faketime_shm_\(clockProcess)")
    unlink("/dev/shm/sem.faketime_sem_\(clockProcess)")
  }

  /// Starts one and waits until it is in that state; counts a skip where this machine can't.
  func add(_ scene: Scene) async throws {
    let environment: [(String, String)]
    switch scene {
    case .fine, .outage, .full: environment = []
    case .degraded:
      guard let calls = try await FailingCalls(in: scratch) else { return }
      self.calls = calls
      environment = calls.environment
    case .clock:
      guard let fake = fakeClock() else { return }
      environment = fake
    }
    let site = try Site(traffic: scene == .full ? ["--padding", "2000"] : []) {
      $0.ringSize = "32MiB"
      $0.statusLines = [#"listen = "127.0.0.1:0""#]
      // See the round of jumping clocks.
      if scene == .clock { $0.launcher = "env" }
    }
    sites.append(site)
    try await site.start(environment: environment)
    if scene == .clock { clockProcess = site.agent.processID }
    try site.sensors.start(rate: scene == .full ? 0 : 200)
    try await pause(1)
    if scene == .outage || scene == .full || scene == .degraded {
      try await site.centralBroker.stop()
    }
    if scene == .degraded { calls?.fail(.pwrite, with: EIO) }
    let place = HTTPClient.Place.path(site.agent.dataDirectory + "/status.sock")
    let isThere = try await eventually(within: 60) { self.isShown(scene, at: place) }
    try #require(isThere, "\(scene): \(site.agent.log.suffix(2000))")
    if scene == .full {
      // It stays so at the rate of the others.
      try await site.sensors.stop()
      try site.sensors.start(rate: 200)
    }
    let url = site.agent.log.split(separator: " ").first { $0.hasPrefix("http://127.0.0.1:") }
    places.append((scene, place))
    let found = try #require(url, "\(site.agent.log)")
    pages.append("agent-\(scene)=\(found)")
  }

  /// Whether the agent says of itself what the page of that state is about.
  func isShown(_ scene: Scene, at place: HTTPClient.Place) -> Bool {
    guard let json = HTTPClient.get("/status.json", from: place).flatMap({ JSONTree($0.text) })
    else { return false }
    let headline = json["headline"]?.text
    return switch scene {
    case .fine: json["level"]?.text == "fine"
    case .outage: json["sentence"]?.text?.hasPrefix("The link to central is down") == true
    case .full: headline == "Unsent events are being given up"
    case .degraded: headline == "The disk fails"
    case .clock: json["notes"]?[0]?.text?.hasPrefix("The clock is not set: it says 1970") == true
    }
  }

  func stop() async throws {
    calls?.heal(.pwrite)
    for site in sites {
      try await site.sensors.stop()
      try await site.agent.kill()
    }
  }

  /// 47 seconds after the beginning of 1970, and on from there; nil where there is no libfaketime.
  private func fakeClock() -> [(String, String)]? {
    let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
    guard access(library, R_OK) == 0 else {
      Ledger.skip("the page of an agent in 1970", because: "no \(library)")
      return nil
    }
    return [
      ("LD_PRELOAD", library), ("FAKETIME", "@1970-01-01 00:00:47"), ("DONT_FAKE_MONOTONIC", "1"),
    ]
  }
}

private let browserScript = {
  let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast()
  return parts.joined(separator: "/") + "/Browser/status_page.py"
}()
