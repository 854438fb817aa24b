/// Text that may hold bytes which are not UTF-8, as names of files and kernels' command lines may.
///
/// A Swift string holds valid Unicode only. Such a byte stands in it as one private-use character, U+10FE00 plus the
/// byte, and the bytes of a character that is one of these do the same, so every sequence of bytes comes back as it
/// was. Python does it alike with surrogates (PEP 383). What is handed to the kernel or to a guest goes through
/// ``bytes(_:)``; what is shown does too, and escapes what is no UTF-8.
public enum ByteText {
    /// The first byte of every such character in UTF-8: a string without it holds none.
    public static let mark: UInt8 = 0xF4

    /// The text that stands for these bytes.
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

    /// The bytes that a text stands for.
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
