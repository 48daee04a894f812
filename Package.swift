// swift-tools-version: 6.3
// Targets stand in the order of an event's way; the folder name is the target name.
import PackageDescription

let rules: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableUpcomingFeature("InferIsolatedConformances"),
  .enableUpcomingFeature("ImmutableWeakCaptures"),
]
/// The core and the shell also mark every unsafe operation.
let strict: [SwiftSetting] = rules + [.strictMemorySafety()]

/// librdkafka is linked unless the trait is left out: `swift build --disable-default-traits`.
let kafka = TargetDependencyCondition.when(traits: ["Kafka"])

let package = Package(
  name: "holdfast",
  traits: [
    .trait(name: "Kafka", description: "Upstreams that are Kafka clusters, through librdkafka."),
    .default(enabledTraits: ["Kafka"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
  ],
  targets: [
    // What the way is made of: values, and two pure C functions behind one codec.
    .target(name: "HoldfastEvent", swiftSettings: strict),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .target(name: "CCRC32C"),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(
      name: "HoldfastCodec", dependencies: ["CZstd", "CZlib", "CCRC32C"], swiftSettings: strict),

    // The way of an event: intake, ring log, upstream. The agent's one `step` joins them.
    .target(
      name: "HoldfastIntake", dependencies: ["HoldfastEvent", "HoldfastLink", "HoldfastStage"],
      swiftSettings: strict),
    .target(
      name: "HoldfastRingLog", dependencies: ["HoldfastEvent", "HoldfastCodec"],
      swiftSettings: strict),
    .target(name: "HoldfastPayload", swiftSettings: strict),
    .target(
      name: "HoldfastStage", dependencies: ["HoldfastEvent", "HoldfastPayload"],
      swiftSettings: strict),
    .target(
      name: "HoldfastUpstream",
      dependencies: [
        "HoldfastEvent", "HoldfastCodec", "HoldfastRingLog", "HoldfastLink", "HoldfastPayload",
        "HoldfastStage",
      ],
      swiftSettings: strict),
    .target(name: "HoldfastLink", dependencies: ["HoldfastEvent"], swiftSettings: strict),
    .target(
      name: "HoldfastAgent",
      dependencies: [
        "HoldfastEvent", "HoldfastIntake", "HoldfastRingLog", "HoldfastStage", "HoldfastUpstream",
        "HoldfastLink",
      ],
      swiftSettings: strict),

    // The way's other end, at the centre: batches back into single messages, each once.
    .target(
      name: "HoldfastUnpack",
      dependencies: [
        "HoldfastAgent", "HoldfastCodec", "HoldfastEvent", "HoldfastIntake", "HoldfastLink",
        "HoldfastPayload", "HoldfastRingLog", "HoldfastUpstream",
      ],
      swiftSettings: strict),

    // A part of the way once more, on demand: a range of the log, marked as replay.
    .target(
      name: "HoldfastReplay",
      dependencies: [
        "HoldfastAgent", "HoldfastEvent", "HoldfastLink", "HoldfastRingLog", "HoldfastUpstream",
      ],
      swiftSettings: strict),

    // What people and programs see of it: a picture, and pure functions from it to bytes.
    .target(
      name: "HoldfastStatus",
      dependencies: [
        "HoldfastAgent", "HoldfastEvent", "HoldfastIntake", "HoldfastLink", "HoldfastRingLog",
      ],
      swiftSettings: strict),

    // The shell: what acts. Files, sockets, clocks, threads, the configuration file, the command.
    .systemLibrary(
      name: "CMosquitto", pkgConfig: "libmosquitto", providers: [.apt(["libmosquitto-dev"])]),
    .systemLibrary(
      name: "CMicroHTTPD", pkgConfig: "libmicrohttpd", providers: [.apt(["libmicrohttpd-dev"])]),
    .target(name: "CTimex"),
    .target(name: "CProgramPages"),
    .target(name: "CSocketBuffer"),
    // The OpenSSL that libmosquitto is linked with.
    .target(
      name: "CTLSCheck", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
    .systemLibrary(
      name: "CRdkafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
    .target(
      name: "HoldfastKafka",
      dependencies: [
        "HoldfastEvent", "HoldfastLink", "HoldfastUpstream",
        .target(name: "CRdkafka", condition: kafka),
      ],
      swiftSettings: strict),
    .target(
      name: "HoldfastSystem",
      dependencies: [
        "CSocketBuffer", "CTLSCheck",
        "HoldfastAgent", "HoldfastEvent", "HoldfastIntake", "HoldfastKafka", "HoldfastLink",
        "HoldfastReplay", "HoldfastRingLog", "HoldfastStatus", "HoldfastUnpack",
        "HoldfastUpstream", "CMicroHTTPD", "CMosquitto", "CProgramPages", "CTimex",
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),
    .target(
      name: "HoldfastConfiguration",
      dependencies: [
        "CTLSCheck", "HoldfastAgent", "HoldfastEvent", "HoldfastIntake", "HoldfastKafka",
        "HoldfastLink", "HoldfastPayload",
        "HoldfastRingLog", "HoldfastStage", "HoldfastUpstream",
        .product(name: "TOMLKit", package: "TOMLKit"),
      ],
      swiftSettings: rules),
    .executableTarget(
      name: "holdfast",
      dependencies: [
        "HoldfastAgent", "HoldfastConfiguration", "HoldfastEvent", "HoldfastIntake",
        "HoldfastLink", "HoldfastPayload", "HoldfastReplay", "HoldfastRingLog", "HoldfastStage",
        "HoldfastStatus", "HoldfastSystem", "HoldfastUnpack", "HoldfastUpstream",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: rules),

    // The second shell: a simulated world with a faulty disk, faulty links and a jumping clock.
    .target(
      name: "HoldfastSimulation",
      dependencies: [
        "HoldfastAgent", "HoldfastCodec", "HoldfastEvent", "HoldfastIntake", "HoldfastLink",
        "HoldfastPayload", "HoldfastRingLog", "HoldfastStage", "HoldfastUpstream",
      ],
      swiftSettings: strict),

    // Traffic for demo, tests and benchmarks: sensors, a tallying collector, a counting sink.
    .executableTarget(
      name: "traffic",
      dependencies: [
        "CMosquitto", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Tools/Traffic", swiftSettings: rules),

    // A Kafka cluster for tests and benchmarks: the library's own mock, as a process.
    .executableTarget(
      name: "kafka-mock", dependencies: [.target(name: "CRdkafka", condition: kafka)],
      path: "Tools/KafkaMock", swiftSettings: rules),

    // Figures that anyone can print again: `make bench`.
    .target(name: "CMallocCount", path: "Tools/CMallocCount"),
    .executableTarget(
      name: "bench",
      dependencies: [
        "CMallocCount", "HoldfastAgent", "HoldfastEvent", "HoldfastIntake", "HoldfastLink",
        "HoldfastPayload", "HoldfastRingLog", "HoldfastStage", "HoldfastSystem", "HoldfastUpstream",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Tools/Bench", swiftSettings: rules),

    // What `make proof` runs: the simulation, crash states, faults and damage by the million.
    .executableTarget(
      name: "proof",
      dependencies: [
        "HoldfastSimulation", "HoldfastEvent", "HoldfastRingLog",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Tools/Proof", swiftSettings: rules),

    .testTarget(
      name: "HoldfastEventTests", dependencies: ["HoldfastEvent"], swiftSettings: rules),
    .testTarget(
      name: "HoldfastCodecTests", dependencies: ["HoldfastCodec"], swiftSettings: rules),
    .testTarget(
      name: "HoldfastIntakeTests", dependencies: ["HoldfastIntake", "HoldfastEvent"],
      swiftSettings: rules),
    .testTarget(
      name: "HoldfastRingLogTests",
      dependencies: ["HoldfastRingLog", "HoldfastEvent", "HoldfastCodec", "HoldfastSimulation"],
      swiftSettings: rules),
    .testTarget(
      name: "HoldfastPayloadTests", dependencies: ["HoldfastPayload", "HoldfastEvent"],
      swiftSettings: rules),
    .testTarget(
      name: "HoldfastStageTests",
      dependencies: ["CMallocCount", "HoldfastStage", "HoldfastPayload", "HoldfastEvent"],
      swiftSettings: rules),
    .testTarget(
      name: "HoldfastUpstreamTests",
      dependencies: [
        "HoldfastUpstream", "HoldfastRingLog", "HoldfastEvent", "HoldfastLink", "HoldfastCodec",
        "HoldfastPayload", "HoldfastSimulation", "HoldfastStage",
      ],
      swiftSettings: rules),
    .testTarget(
      name: "HoldfastAgentTests",
      dependencies: [
        "HoldfastAgent", "HoldfastCodec", "HoldfastEvent", "HoldfastIntake", "HoldfastLink",
        "HoldfastPayload", "HoldfastRingLog", "HoldfastSimulation", "HoldfastStage",
        "HoldfastUpstream",
      ],
      swiftSettings: rules),
    .testTarget(
      name: "HoldfastStatusTests",
      dependencies: [
        "HoldfastStatus", "HoldfastAgent", "HoldfastEvent", "HoldfastIntake", "HoldfastLink",
        "HoldfastRingLog", "HoldfastUpstream",
      ],
      swiftSettings: rules),
    .testTarget(
      name: "HoldfastUnpackTests",
      dependencies: [
        "HoldfastUnpack", "HoldfastAgent", "HoldfastCodec", "HoldfastEvent", "HoldfastIntake",
        "HoldfastLink", "HoldfastRingLog", "HoldfastSimulation", "HoldfastUpstream",
      ],
      swiftSettings: rules),
    .testTarget(
      name: "HoldfastReplayTests",
      dependencies: [
        "HoldfastReplay", "HoldfastAgent", "HoldfastEvent", "HoldfastLink", "HoldfastRingLog",
        "HoldfastSimulation", "HoldfastUpstream",
      ],
      swiftSettings: rules),
    .testTarget(
      name: "HoldfastLinkTests", dependencies: ["HoldfastLink", "HoldfastEvent"],
      swiftSettings: rules),
    .testTarget(
      name: "HoldfastConfigurationTests",
      dependencies: [
        "HoldfastConfiguration", "HoldfastAgent", "HoldfastEvent", "HoldfastIntake",
        "HoldfastKafka", "HoldfastLink", "HoldfastPayload", "HoldfastRingLog", "HoldfastStage",
        "HoldfastUpstream",
      ],
      swiftSettings: rules),
    .testTarget(
      name: "HoldfastSystemTests",
      dependencies: [
        "HoldfastSystem", "HoldfastAgent", "HoldfastEvent", "HoldfastIntake", "HoldfastKafka",
        "HoldfastLink", "HoldfastRingLog", "HoldfastStatus", "HoldfastUpstream",
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: rules),
    .testTarget(
      name: "HoldfastSimulationTests",
      dependencies: [
        "HoldfastSimulation", "HoldfastAgent", "HoldfastRingLog", "HoldfastEvent",
        "HoldfastUpstream", "HoldfastIntake", "HoldfastLink",
      ],
      swiftSettings: rules),
    .testTarget(name: "ProofTests", dependencies: ["proof"], swiftSettings: rules),
    .testTarget(name: "TidyTests", swiftSettings: rules),
    // Real brokers, real kills: drives the built `holdfast` and `traffic` binaries.
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "holdfast", "kafka-mock", "traffic", "HoldfastAgent", "HoldfastEvent", "HoldfastIntake",
        "HoldfastLink", "HoldfastRingLog", "HoldfastStatus", "HoldfastSystem", "HoldfastUpstream",
        .product(name: "Logging", package: "swift-log"),
      ],
      exclude: ["Browser"], swiftSettings: rules),
  ]
)

// The fuzz targets and their inputs: a test that replays the corpus and, for `scripts/fuzz.sh`,
// a program of libFuzzer's that calls the same functions.
let fuzzed: [Target.Dependency] = [
  "HoldfastCodec", "HoldfastConfiguration", "HoldfastEvent", "HoldfastIntake", "HoldfastLink",
  "HoldfastPayload", "HoldfastRingLog", "HoldfastSimulation", "HoldfastSystem",
  "HoldfastUnpack", "HoldfastUpstream", "HoldfastAgent", "CMosquitto",
]
if Context.environment["HOLDFAST_FUZZ"] == nil {
  package.targets.append(
    .testTarget(
      name: "HoldfastFuzzTests", dependencies: fuzzed + ["holdfast"],
      exclude: ["Corpus", "LibFuzzer"], swiftSettings: rules))
} else {
  package.targets.append(
    .executableTarget(
      name: "fuzz", dependencies: fuzzed, path: "Tests/HoldfastFuzzTests",
      exclude: ["Corpus", "Hostile", "Replay"], swiftSettings: rules))
}
