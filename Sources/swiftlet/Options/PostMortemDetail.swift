import ArgumentParser
import PostMortem

/// `--post-mortem short|full|off`: how much is said of a guest that hangs or dies.
enum PostMortemDetail: String, ExpressibleByArgument, CaseIterable {
    case short, full
    /// It is not even looked at.
    case off

    /// What people read, a line each.
    func lines(of examined: PostMortem?) -> [String] {
        guard let examined else { return [] }
        return switch self {
        case .short: examined.shortLines
        case .full: examined.lines
        case .off: []
        }
    }
}
