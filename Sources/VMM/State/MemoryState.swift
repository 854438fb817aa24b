import Glibc

/// The contents of RAM, as a value: the pages with anything but zeros.
public struct MemoryState: Sendable, Equatable {
    /// Neighbouring pages, from the lowest address on.
    struct Run: Sendable, Equatable {
        /// A guest-physical address.
        let start: UInt64
        var bytes: [UInt8]

        var end: UInt64 { start + UInt64(bytes.count) }
    }

    var runs: [Run] = []
    /// Bytes of RAM, zeros included.
    let count: UInt64
}

extension GuestMemory: Savable {
    static let pageSize = 4096
    private static let zeros = [UInt8](repeating: 0, count: pageSize)

    private static func isZero(_ page: UnsafeRawPointer) -> Bool { memcmp(page, zeros, pageSize) == 0 }

    /// Copies out what is not zero. Pages that nobody touched are read as zeros and take no memory.
    public func save() -> MemoryState {
        var state = MemoryState(count: count)
        for region in regions {
            let base = hostAddress(of: region)
            for offset in stride(from: 0, to: Int(region.count), by: Self.pageSize) {
                let page = base + offset
                guard !Self.isZero(page) else { continue }
                let address = region.guestAddress + UInt64(offset)
                let bytes = UnsafeRawBufferPointer(start: page, count: Self.pageSize)
                if let last = state.runs.indices.last, state.runs[last].end == address {
                    state.runs[last].bytes.append(contentsOf: bytes)
                } else {
                    state.runs.append(.init(start: address, bytes: Array(bytes)))
                }
            }
        }
        return state
    }

    /// Puts a state in; what it has as zeros becomes zero here.
    public func restore(_ state: MemoryState) throws(StateError) {
        guard state.count == count else { throw .differs("guest memory") }
        for region in regions {
            let base = hostAddress(of: region)
            for offset in stride(from: 0, to: Int(region.count), by: Self.pageSize) where !Self.isZero(base + offset) {
                memset(base + offset, 0, Self.pageSize)
            }
        }
        do throws(OutOfBounds) {
            for run in state.runs { try write(run.bytes, at: run.start) }
        } catch {
            throw .differs("guest memory")
        }
    }
}
