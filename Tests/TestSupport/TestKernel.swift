import Glibc

/// The test kernels that `make guests` leaves in guests/build, and smaller ones made on the spot.
public enum TestKernel {
    /// The repository's root.
    public static let root: String = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(3)
        return parts.joined(separator: "/")
    }()

    public struct Missing: Error, CustomStringConvertible {
        let path: String
        public var description: String { "\(path) is not there: run make guests first" }
    }

    /// The path of a test kernel that was built.
    public static func built(_ name: String) throws -> String {
        let path = "\(root)/guests/build/\(name)"
        guard access(path, R_OK) == 0 else { throw Missing(path: path) }
        return path
    }

    /// mov dx, 0x3f8; mov al, 'A'; l: out dx, al; jmp l
    public static let talksForEver: [UInt8] = [0xBA, 0xF8, 0x03, 0xB0, 0x41, 0xEE, 0xEB, 0xFD]
    /// ljmp 0xffff:0x10, the first byte above a MiB: with 1 MiB of memory nothing is there to be fetched.
    public static let runsOutOfMemory: [UInt8] = [0xEA, 0x10, 0x00, 0xFF, 0xFF]
    /// jmp $
    public static let spins: [UInt8] = [0xEB, 0xFE]
    /// mov al, value; out 0xf4, al; hlt
    public static func exits(_ value: UInt8) -> [UInt8] { [0xB0, value, 0xE6, 0xF4, 0xF4] }
}
