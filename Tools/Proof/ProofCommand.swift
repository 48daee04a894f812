import ArgumentParser

/// The proof that the promise holds, as commands that print their figures.
@main struct ProofCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "proof",
    abstract: "Tries to break the promise, and prints how often it tried.",
    subcommands: [
      SeedsCommand.self, ExploreCommand.self, FaultsCommand.self, DamageCommand.self,
      MutateCommand.self, HerdCommand.self,
    ]
  )
}
