/// Why there can't be firmware tables for a machine.
public enum FirmwareTablesError: Error, Equatable, CustomStringConvertible {
    /// A field of ``Board`` that no table could express.
    case badField(String, reason: String)
    /// More tables than fit the BIOS area, which only processors can cause.
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
