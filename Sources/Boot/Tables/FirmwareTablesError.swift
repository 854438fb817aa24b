/// The reason why a machine can't have firmware tables.
public enum FirmwareTablesError: Error, Equatable, CustomStringConvertible {
    /// A field of ``Board`` that no table can express.
    case badField(String, reason: String)
    /// The tables don't fit the BIOS area, which only processors can cause.
    case noRoom(what: String, size: Int, limit: Int, processors: Int)

    public var description: String {
        switch self {
        case .badField(let field, let reason):
            "the machine can't be described to the guest: \(field): \(reason)"
        case .noRoom(let what, let size, let limit, let processors):
            """
            the \(what) for \(processors) processors are \(size) bytes long, more than the \(limit) there is room \
            for in the BIOS area: \
            give fewer --cpus
            """
        }
    }
}
