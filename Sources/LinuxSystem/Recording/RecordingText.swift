import Bytes
import Glibc

/// The text of a recording's parts. docs/recording.md.
enum RecordingText {
    static let header = "swiftlet-recording 1"

    private static let digits = Array("0123456789abcdef".utf8)

    static func append(_ bytes: RecordedBytes, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "["))
        var varying = bytes.varying[...]
        for (index, byte) in bytes.bytes.enumerated() {
            if let range = varying.first, index >= range.upperBound { varying.removeFirst() }
            if let range = varying.first, range.contains(index) {
                text += "..".utf8
            } else {
                text.append(digits[Int(byte >> 4)])
                text.append(digits[Int(byte & 15)])
            }
        }
        text.append(UInt8(ascii: "]"))
    }

    /// Appends the string in quotes; a quote, a backslash and every byte that is not printable ASCII become `\xNN`.
    static func append(quoted string: String, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            if (0x20..<0x7F).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") {
                text.append(byte)
            } else {
                text += [UInt8(ascii: "\\"), UInt8(ascii: "x"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        text.append(UInt8(ascii: "\""))
    }

    static func append(hex number: UInt64, to text: inout [UInt8]) {
        text += number.hexadecimal.utf8
    }

    /// The names of the errnos that these calls return; others stay numbers. include/uapi/asm-generic/errno-base.h,
    /// errno.h.
    static let errnoNames: [Int32: String] = [
        EPERM: "EPERM", ENOENT: "ENOENT", ESRCH: "ESRCH", EINTR: "EINTR", EIO: "EIO", ENXIO: "ENXIO", E2BIG: "E2BIG",
        ENOEXEC: "ENOEXEC",
        EBADF: "EBADF", ECHILD: "ECHILD", EAGAIN: "EAGAIN", ENOMEM: "ENOMEM", EACCES: "EACCES", EFAULT: "EFAULT",
        EBUSY: "EBUSY",
        EEXIST: "EEXIST", EXDEV: "EXDEV", ENODEV: "ENODEV", ENOTDIR: "ENOTDIR", EISDIR: "EISDIR", EINVAL: "EINVAL",
        ENFILE: "ENFILE",
        EMFILE: "EMFILE", ENOTTY: "ENOTTY", ETXTBSY: "ETXTBSY", EFBIG: "EFBIG", ENOSPC: "ENOSPC", ESPIPE: "ESPIPE",
        EROFS: "EROFS",
        EPIPE: "EPIPE", EDOM: "EDOM", ERANGE: "ERANGE", EDEADLK: "EDEADLK", ENOSYS: "ENOSYS", ELOOP: "ELOOP",
        ENODATA: "ENODATA",
        EPROTO: "EPROTO", EOVERFLOW: "EOVERFLOW", EOPNOTSUPP: "EOPNOTSUPP", ETIMEDOUT: "ETIMEDOUT",
        ECANCELED: "ECANCELED",
    ]
}

extension RecordedCall: CustomStringConvertible {
    func append(to text: inout [UInt8]) {
        RecordingText.append(quoted: object, to: &text)
        text += " \(name) ".utf8
        switch argument {
        case .open(let flags): RecordingText.append(hex: UInt64(flags), to: &text)
        case .number(let request, let value):
            RecordingText.append(hex: UInt64(request), to: &text)
            text.append(UInt8(ascii: " "))
            RecordingText.append(hex: UInt64(value), to: &text)
        case .structure(let request, let bytes):
            RecordingText.append(hex: UInt64(request), to: &text)
            text.append(UInt8(ascii: " "))
            RecordingText.append(bytes, to: &text)
        case .read(let offset, let count):
            RecordingText.append(hex: offset, to: &text)
            text += " \(count)".utf8
        case .write(let offset, let bytes):
            RecordingText.append(hex: offset, to: &text)
            text.append(UInt8(ascii: " "))
            RecordingText.append(bytes, to: &text)
        }
    }

    /// The text in a recording.
    public var description: String {
        var text: [UInt8] = []
        append(to: &text)
        return String(decoding: text, as: UTF8.self)
    }
}

extension RecordedAnswer {
    func append(to text: inout [UInt8]) {
        if !changes.isEmpty { text += " ->".utf8 }
        for change in changes {
            text += " \(change.offset):".utf8
            RecordingText.append(change.bytes, to: &text)
        }
        switch result {
        case .descriptor: text += " = descriptor".utf8
        case .number(let number):
            text += " = \(number)".utf8
            if number < 0, let name = RecordingText.errnoNames[Int32(clamping: -number)] { text += " \(name)".utf8 }
        }
    }
}
