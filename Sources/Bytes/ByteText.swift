/// Text that may hold bytes that are not UTF-8, as file names and kernel command lines may.
///
/// A Swift string holds valid Unicode only. So a byte that is not UTF-8 becomes one private-use character, U+10FE00
/// plus the byte. The bytes of a real character in that range are replaced in the same way, so every sequence of bytes
/// survives the round trip. Python does the same with surrogates (PEP 383). Text for the kernel or a guest is converted
/// back by ``bytes(_:)``; text for people is too, and then bytes that are not UTF-8 are escaped.
public enum ByteText {
    /// The first UTF-8 byte of every such character: a string without this byte has none of them.
    public static let mark: UInt8 = 0xF4

    /// Returns the text that represents these bytes.
    public static func text(_ bytes: some Collection<UInt8>) -> String {
        if !bytes.contains(mark), let text = String(validating: bytes, as: UTF8.self) { return text }
        let all = Array(bytes)
        var text = String.UnicodeScalarView()
        var rest = all.makeIterator()
        var parser = Unicode.UTF8.ForwardParser()
        var at = 0
        func escape(_ count: Int) {
            for byte in all[at..<at + count] {
                if let scalar = Unicode.Scalar(0x10FE00 + UInt32(byte)) { text.append(scalar) }
            }
        }
        while true {
            switch parser.parseScalar(from: &rest) {
            case .valid(let encoded):
                let scalar = Unicode.UTF8.decode(encoded)
                if (0x10FE80...0x10FEFF).contains(scalar.value) { escape(encoded.count) } else { text.append(scalar) }
                at += encoded.count
            case .error(let length):
                escape(length)
                at += length
            case .emptyInput: return String(text)
            }
        }
    }

    /// Returns the bytes that a text represents.
    public static func bytes(_ text: String) -> [UInt8] {
        guard text.utf8.contains(mark) else { return Array(text.utf8) }
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            if (0x10FE80...0x10FEFF).contains(scalar.value) {
                bytes.append(UInt8(truncatingIfNeeded: scalar.value))
            } else {
                bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
        return bytes
    }
}
