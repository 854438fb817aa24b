/// An error in a command line, as one sentence that a person can act on.
struct UsageError: Error, Equatable {
    let sentence: String
    /// The command whose help has more information, as it is typed: `swiftlet run`.
    let command: String
}
