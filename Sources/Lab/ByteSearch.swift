import CLinux
import Glibc

extension [UInt8] {
    /// Where `pattern` lies first. See memmem(3).
    func firstRange(ofBytes pattern: [UInt8]) -> Range<Int>? {
        withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, let found = memmem(base, bytes.count, pattern, pattern.count) else { return nil }
            let start = UnsafeRawPointer(found) - base
            return start..<start + pattern.count
        }
    }

    /// The unsigned little-endian number of `count` bytes, 8 at most, at `offset`; zero where the bytes end first.
    func littleEndian(at offset: Int, count: Int) -> UInt64 {
        guard offset >= 0, offset <= self.count - count else { return 0 }
        return self[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
