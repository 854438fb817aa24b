import Bytes

/// A piece of ACPI machine language: a term, a data object or an argument, already encoded. ACPI 6.5, chapter 20.
struct AML: Equatable, Sendable {
    let bytes: [UInt8]

    // MARK: Data

    /// Returns the shortest encoding of a number.
    static func integer(_ value: UInt64) -> AML {
        var writer = ByteWriter()
        writer.append(integer: value)
        return AML(bytes: writer.bytes)
    }

    static func string(_ text: String) -> AML {
        AML(bytes: [0x0d] + Array(text.utf8) + [0])
    }

    static func buffer(_ content: [UInt8]) -> AML {
        AML(bytes: [0x11] + sized(integer(UInt64(content.count)).bytes + content))
    }

    /// At most 255 elements.
    static func package(_ elements: [AML]) -> AML { package(count: elements.count, elements.flatMap(\.bytes)) }

    /// Returns a package of elements that are already encoded and concatenated.
    static func package(count: Int, _ elements: [UInt8]) -> AML {
        AML(bytes: [0x12] + sized([UInt8(truncatingIfNeeded: count)] + elements))
    }

    /// A plug and play id of three letters and four hexadecimal digits, compressed to a number. ACPI 6.5, section
    /// 19.3.4, EISAID.
    static func eisaID(_ text: String) -> AML {
        let letters = text.utf8.prefix(3).reduce(UInt32(0)) { $0 << 5 | UInt32($1 & 0x1f) }
        let digits = UInt32(text.dropFirst(3), radix: 16) ?? 0
        return integer(UInt64((letters << 16 | digits).byteSwapped))
    }

    /// A UUID in ACPI's mixed order: the first three fields little-endian. ACPI 6.5, section 19.3.4, ToUUID.
    static func uuid(_ first: UInt32, _ second: UInt16, _ third: UInt16, _ rest: [UInt8]) -> AML {
        var writer = ByteWriter()
        writer.append(first)
        writer.append(second)
        writer.append(third)
        writer.append(contentsOf: rest)
        return buffer(writer.bytes)
    }

    // MARK: Names

    /// Returns a name of one to four characters, relative to its scope.
    static func path(_ name: String) -> AML {
        let segment = Array(name.utf8.prefix(4))
        return AML(bytes: segment + [UInt8](repeating: 0x5f, count: 4 - segment.count))
    }

    static func name(_ name: String, _ value: AML) -> AML {
        AML(bytes: [0x08] + path(name).bytes + value.bytes)
    }

    static func scope(_ name: String, _ content: [AML]) -> AML {
        AML(bytes: [0x10] + sized(path(name).bytes + content.flatMap(\.bytes)))
    }

    static func device(_ name: String, _ content: [AML]) -> AML {
        AML(bytes: [0x5b, 0x82] + sized(path(name).bytes + content.flatMap(\.bytes)))
    }

    /// Returns a method that only one thread at a time may execute, as required for a method that creates names.
    static func serializedMethod(_ name: String, arguments: UInt8, _ body: [AML]) -> AML {
        AML(bytes: [0x14] + sized(path(name).bytes + [arguments & 7 | 1 << 3] + body.flatMap(\.bytes)))
    }

    // MARK: Code

    static func local(_ number: UInt8) -> AML { AML(bytes: [0x60 + number & 7]) }
    static func argument(_ number: UInt8) -> AML { AML(bytes: [0x68 + number & 7]) }

    static func createDWordField(_ buffer: AML, at byte: UInt64, name: String) -> AML {
        AML(bytes: [0x8a] + buffer.bytes + integer(byte).bytes + path(name).bytes)
    }

    static func store(_ value: AML, in target: AML) -> AML { AML(bytes: [0x70] + value.bytes + target.bytes) }
    static func and(_ left: AML, _ right: AML, in target: AML) -> AML {
        AML(bytes: [0x7b] + left.bytes + right.bytes + target.bytes)
    }
    static func or(_ left: AML, _ right: AML, in target: AML) -> AML {
        AML(bytes: [0x7d] + left.bytes + right.bytes + target.bytes)
    }
    static func equal(_ left: AML, _ right: AML) -> AML { AML(bytes: [0x93] + left.bytes + right.bytes) }
    static func not(_ value: AML) -> AML { AML(bytes: [0x92] + value.bytes) }
    static func `return`(_ value: AML) -> AML { AML(bytes: [0xa4] + value.bytes) }

    static func `if`(_ condition: AML, _ body: [AML], else other: [AML] = []) -> AML {
        let then = [0xa0] + sized(condition.bytes + body.flatMap(\.bytes))
        return AML(bytes: other.isEmpty ? then : then + [0xa1] + sized(other.flatMap(\.bytes)))
    }

    // MARK: Lengths

    /// Prefixes the content with its package length, which counts itself. ACPI 6.5, section 20.2.4.
    static func sized(_ content: [UInt8]) -> [UInt8] {
        if content.count + 1 <= 0x3f { return [UInt8(truncatingIfNeeded: content.count + 1)] + content }
        // The first byte gives the number of following bytes and holds four bits; the others hold eight each.
        let following = content.count + 2 < 1 << 12 ? 1 : content.count + 3 < 1 << 20 ? 2 : 3
        let length = content.count + 1 + following
        var prefix = [UInt8(truncatingIfNeeded: following << 6 | length & 0xf)]
        for index in 0..<following { prefix.append(UInt8(truncatingIfNeeded: length >> (4 + 8 * index))) }
        return prefix + content
    }
}

extension ByteWriter {
    /// Appends a number of ACPI machine language in its shortest encoding. Section 20.2.3.
    mutating func append(integer value: UInt64) {
        switch value {
        case 0, 1: append(UInt8(truncatingIfNeeded: value))
        case 2...0xff:
            append(UInt8(0x0a))
            append(UInt8(truncatingIfNeeded: value))
        case 0x100...0xffff:
            append(UInt8(0x0b))
            append(UInt16(truncatingIfNeeded: value))
        case 0x1_0000...0xffff_ffff:
            append(UInt8(0x0c))
            append(UInt32(truncatingIfNeeded: value))
        default:
            append(UInt8(0x0e))
            append(value)
        }
    }
}
