import CVersion

/// What `--version` says.
enum ProgramVersion {
    static var line: String {
        let version = String(cString: cv_version())
        return "swiftlet \(version.isEmpty ? "unknown (built without make)" : version)"
    }
}
