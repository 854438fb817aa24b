/// The release of a Linux image.
public enum LinuxRelease {
    /// Returns the image's release, such as `6.1.0-56-amd64`; nil for other programs in this format: a memory tester, a
    /// network boot loader.
    ///
    /// kernel_version, offset 0x20e: the offset of the release text in the setup code, minus 0x200. Linux,
    /// Documentation/arch/x86/boot.rst.
    public static func of(_ image: some ImageSource) -> String? {
        guard let header = try? image.structure("setup header", at: 0x202, count: 14),
            header.holds(Array("HdrS".utf8), at: 0),
            let pointer = try? header.uint16(at: 12), pointer > 0
        else { return nil }
        let offset = UInt64(pointer) + 0x200
        guard offset < image.size,
            let text = try? image.structure("kernel_version", at: offset, count: Int(min(image.size - offset, 80)))
                .bytes
        else {
            return nil
        }
        let word = text.prefix { $0 > 0x20 && $0 < 0x7F }
        let parts = word.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        func isNumber(_ byte: UInt8?) -> Bool {
            byte.map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false
        }
        guard parts.count > 1, !parts[0].isEmpty, parts[0].allSatisfy({ isNumber($0) }), isNumber(parts[1].first) else {
            return nil
        }
        return String(decoding: word, as: UTF8.self)
    }
}
