import CVersion

/// The output of `--version`.
enum ProgramVersion {
    static var line: String {
        let version = String(cString: cv_version())
        return "swiftlet \(version.isEmpty ? "unknown (built without make)" : version)"
    }
}
