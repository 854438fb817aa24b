public import Bytes

extension ByteText {
    /// The bytes of a path or argument, NUL-terminated, as C takes them.
    public static func withCString<Result>(_ text: String, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        guard text.utf8.contains(mark) else { return text.withCString(body) }
        let bytes = Self.bytes(text).map { CChar(bitPattern: $0) } + [0]
        return bytes.withUnsafeBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return text.withCString(body) }
            return body(start)
        }
    }
}
