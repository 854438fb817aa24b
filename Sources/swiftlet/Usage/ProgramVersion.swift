/// What `--version` says.
enum ProgramVersion {
    static let line = "swiftlet"
}
