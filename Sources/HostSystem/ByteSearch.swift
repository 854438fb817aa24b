import Glibc

extension [UInt8] {
    /// Returns the first place of `pattern`, which must not be empty.
    public func firstRange(ofBytes pattern: [UInt8]) -> Range<Int>? {
        withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, bytes.count >= pattern.count else { return nil }
            // memchr and memcmp: these arrays are as large as an unpacked kernel.
            let end = base + (bytes.count - pattern.count + 1)
            var position = base
            while position < end, let found = memchr(position, Int32(pattern[0]), end - position) {
                if memcmp(found, pattern, pattern.count) == 0 {
                    let start = UnsafeRawPointer(found) - base
                    return start..<start + pattern.count
                }
                position = UnsafeRawPointer(found) + 1
            }
            return nil
        }
    }
}
