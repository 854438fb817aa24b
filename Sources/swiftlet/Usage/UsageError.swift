/// A command line that can't be meant, as one sentence that a person can act on.
struct UsageError: Error, Equatable {
    let sentence: String
    /// The command whose help says more, as it is typed: `swiftlet run`.
    let command: String
}
