import Boot

extension Array where Element == UInt8 {
    mutating func append<Value: FixedWidthInteger & UnsignedInteger>(littleEndian value: Value) {
        for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
            append(UInt8(truncatingIfNeeded: value >> Value(shift)))
        }
    }

    mutating func store<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value, at offset: Int) {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: value)
        replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }

    func uint32(at offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(self[offset + $1]) << UInt32(8 * $1) }
    }

    func uint64(at offset: Int) -> UInt64 {
        UInt64(uint32(at: offset)) | UInt64(uint32(at: offset + 4)) << 32
    }
}

/// A made-up ELF file: header, program headers, then the contents in order.
struct ELFBuilder {
    struct Header {
        var type: UInt32 = 1
        var content: [UInt8] = []
        var virtualAddress: UInt64?
        var physicalAddress: UInt64 = 0
        var memorySize: UInt64?
        var alignment: UInt64 = 4
    }

    var is64Bit = true
    var entry: UInt64 = 0x100000
    var headers: [Header] = []

    static func note(owner: String = "Xen", type: UInt32 = 18, description: [UInt8], alignment: Int = 4) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: UInt32(owner.utf8.count + 1))
        bytes.append(littleEndian: UInt32(description.count))
        bytes.append(littleEndian: type)
        bytes += Array(owner.utf8) + [0]
        while bytes.count % alignment != 0 { bytes.append(0) }
        bytes += description
        while bytes.count % alignment != 0 { bytes.append(0) }
        return bytes
    }

    static func note(entry: UInt32) -> [UInt8] {
        var description: [UInt8] = []
        description.append(littleEndian: entry)
        return note(description: description)
    }

    /// A kernel of 256 bytes at 1 MiB with 4 KiB of memory, entered by its PVH note at its first byte.
    static func pvh(is64Bit: Bool = true, at address: UInt64 = 0x100000, memorySize: UInt64 = 4096) -> ELFBuilder {
        ELFBuilder(
            is64Bit: is64Bit, entry: address,
            headers: [
                Header(content: [UInt8](repeating: 0x90, count: 256), physicalAddress: address, memorySize: memorySize),
                Header(type: 4, content: note(entry: UInt32(truncatingIfNeeded: address))),
            ])
    }

    /// The same kernel, with a multiboot header at its start in place of the note.
    static func multiboot(is64Bit: Bool = false, flags: UInt32 = 0, at address: UInt64 = 0x100000) -> ELFBuilder {
        let content = multibootHeader(flags: flags) + [UInt8](repeating: 0x90, count: 244)
        return ELFBuilder(
            is64Bit: is64Bit, entry: address + 12,
            headers: [Header(content: content, physicalAddress: address, memorySize: 4096)])
    }

    var headerSize: Int { is64Bit ? 64 : 52 }
    var entrySize: Int { is64Bit ? 56 : 32 }

    /// Where a field of a program header stands in the file.
    func offset(ofField field: (in32: Int, in64: Int), header: Int) -> Int {
        headerSize + header * entrySize + (is64Bit ? field.in64 : field.in32)
    }

    static let fileOffsetField = (in32: 4, in64: 8)
    static let physicalAddressField = (in32: 12, in64: 24)
    static let fileSizeField = (in32: 16, in64: 32)
    static let memorySizeField = (in32: 20, in64: 40)

    var bytes: [UInt8] {
        var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, is64Bit ? 2 : 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        bytes.append(littleEndian: UInt16(2))
        bytes.append(littleEndian: UInt16(is64Bit ? 62 : 3))
        bytes.append(littleEndian: UInt32(1))
        append(word: entry, to: &bytes)
        append(word: UInt64(headerSize), to: &bytes)
        append(word: 0, to: &bytes)
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: UInt16(headerSize))
        bytes.append(littleEndian: UInt16(entrySize))
        bytes.append(littleEndian: UInt16(headers.count))
        for _ in 0..<3 { bytes.append(littleEndian: UInt16(0)) }
        var offset = UInt64(headerSize + headers.count * entrySize)
        for header in headers {
            let size = UInt64(header.content.count)
            bytes.append(littleEndian: header.type)
            if is64Bit { bytes.append(littleEndian: UInt32(7)) }
            append(word: offset, to: &bytes)
            append(word: header.virtualAddress ?? header.physicalAddress, to: &bytes)
            append(word: header.physicalAddress, to: &bytes)
            append(word: size, to: &bytes)
            append(word: header.memorySize ?? size, to: &bytes)
            if !is64Bit { bytes.append(littleEndian: UInt32(7)) }
            append(word: header.alignment, to: &bytes)
            offset += size
        }
        return headers.reduce(bytes) { $0 + $1.content }
    }

    private func append(word: UInt64, to bytes: inout [UInt8]) {
        if is64Bit {
            bytes.append(littleEndian: word)
        } else {
            bytes.append(littleEndian: UInt32(truncatingIfNeeded: word))
        }
    }
}

/// A multiboot header, with address fields where they are given.
func multibootHeader(flags: UInt32 = 0, addresses: [UInt32] = []) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: UInt32(0x1bad_b002))
    bytes.append(littleEndian: flags)
    bytes.append(littleEndian: 0 &- (0x1bad_b002 &+ flags))
    for address in addresses { bytes.append(littleEndian: address) }
    return bytes
}

let mebibyte: UInt64 = 1 << 20

/// Plans with 128 MiB unless told otherwise, and checks what every plan must hold to.
func plan(
    _ bytes: [UInt8], name: String = "kernel", commandLine: String = "", modules: [LoadPlan.Module] = [],
    memory: MemoryMap = MemoryMap(belowFourGiB: 128 * mebibyte), rsdpAddress: UInt64 = 0, format: KernelFormat? = nil
) throws -> LoadPlan {
    let plan = try LoadPlan.plan(
        image: InMemoryImage(bytes), name: name, commandLine: commandLine, modules: modules, memory: memory,
        rsdpAddress: rsdpAddress, format: format)
    let violations = LoadPlanInvariants.violations(
        of: plan, kernelSize: UInt64(bytes.count), modules: modules, memory: memory)
    guard violations.isEmpty else { throw UnsoundPlan(violations: violations) }
    return plan
}

struct UnsoundPlan: Error {
    let violations: [String]
}

/// The sentence a plan fails with, or what happened in its place.
func failure(_ make: () throws -> LoadPlan) -> String {
    do {
        return "no error, but \(try make())"
    } catch {
        return error is BootError ? "\(error)" : "not a BootError: \(error)"
    }
}

extension LoadPlan {
    /// The blob at an address that some structure of the plan holds.
    func blob(at address: UInt64) -> [UInt8]? {
        blobs.first { $0.guestAddress == address }?.bytes
    }

    /// The NUL-terminated text at an address, without its NUL.
    func text(at address: UInt64) -> String? {
        guard let bytes = blob(at: address), bytes.last == 0 else { return nil }
        return String(decoding: bytes.dropLast(), as: UTF8.self)
    }
}
