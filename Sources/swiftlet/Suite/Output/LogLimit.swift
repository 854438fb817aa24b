import Glibc

/// The limit of a suite's logs, as each of its runs is told it.
enum LogLimit {
    static let option = "--log-limit"
    /// Holds it in the environment of a run that a suite starts.
    static let variable = "SWIFTLET_LOG_LIMIT"

    static func entry(_ limit: SizeLimit) -> String { "\(variable)=\(limit)" }

    /// The limit, in a run that a suite started; nil in another, whatever its environment says.
    static var offered: SizeLimit? {
        guard ResultChannel.isOffered, let text = getenv(variable) else { return nil }
        return SizeLimit(argument: String(cString: text))
    }
}
