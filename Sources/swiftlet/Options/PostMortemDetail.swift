import ArgumentParser
import PostMortem

/// `--post-mortem short|full|off`: the length of the post-mortem of a guest that hangs or dies.
enum PostMortemDetail: String, ExpressibleByArgument, CaseIterable {
    case short, full
    /// The guest is not examined at all.
    case off

    /// Returns the lines for people.
    func lines(of examined: PostMortem?) -> [String] {
        guard let examined else { return [] }
        return switch self {
        case .short: examined.shortLines
        case .full: examined.lines
        case .off: []
        }
    }
}
