import Glibc

/// The limit of a suite's logs, passed to each of its runs.
enum LogLimit {
    static let option = "--log-limit"
    /// The environment variable of a suite's runs that holds it.
    static let variable = "SWIFTLET_LOG_LIMIT"

    static func entry(_ limit: SizeLimit) -> String { "\(variable)=\(limit)" }

    /// The limit, in a run that a suite started; otherwise nil, whatever the environment.
    static var offered: SizeLimit? {
        guard ResultChannel.isOffered, let text = getenv(variable) else { return nil }
        return SizeLimit(argument: String(cString: text))
    }
}
