/// A kernel file compressed by gzip: Xen and GNU Mach are shipped in this form, and boot loaders accept it. RFC 1952
/// (the file) and RFC 1951 (the compressed data).
///
/// Nothing in the file is trusted: every length and distance is checked, the result has a limit, and its checksum and
/// size must be right.
public enum GzipFile {
    /// The largest size of the contents in bytes: 256 MiB.
    public static let maximumSize = 256 << 20

    /// Returns true if a file begins like a gzip file.
    public static func isOne(_ image: some ImageSource) throws(BootError) -> Bool {
        guard image.size >= 18 else { return false }
        return try image.structure("head of the file", at: 0, count: 3).bytes == [0x1f, 0x8b, 8]
    }

    /// Returns the contents of a file's first member; further members are ignored.
    /// - Parameter limit: the largest number of bytes.
    /// - Throws: ``BootError/badCompression(_:)`` for a damaged file, or one with more.
    public static func contents(of image: some ImageSource, limit: Int = maximumSize) throws(BootError) -> [UInt8] {
        var input = BitSource(image)
        try skipHeader(&input)
        var inflation = Inflation(limit: limit)
        try inflation.run(&input)
        input.dropPartialByte()
        let (checksum, size) = (UInt32(try input.readBits(32)), UInt32(try input.readBits(32)))
        guard size == UInt32(truncatingIfNeeded: inflation.output.count), checksum == checksumCRC32(inflation.output)
        else {
            throw .badCompression("its checksum or its size is wrong")
        }
        return inflation.output
    }

    /// Skips the header. RFC 1952, section 2.3: method and flags, six bytes that don't matter here, then the fields
    /// that the flags announce.
    private static func skipHeader(_ input: inout BitSource<some ImageSource>) throws(BootError) {
        guard try input.readBits(24) == 0x08_8b1f else { throw .badCompression("it doesn't begin as gzip's files do") }
        let flags = try input.readBits(8)
        guard flags & 0xe0 == 0 else { throw .badCompression("it has flags that are not known") }
        for _ in 0..<6 { _ = try input.readBits(8) }
        if flags & 0x04 != 0 {
            for _ in 0..<(try input.readBits(16)) { _ = try input.readBits(8) }
        }
        // The file's name and a comment, each with a NUL.
        for flag in [0x08, 0x10] as [UInt64] where flags & flag != 0 {
            while try input.readBits(8) != 0 {}
        }
        if flags & 0x02 != 0 { _ = try input.readBits(16) }
    }

    private static let checksumTable: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xedb8_8320 }
    }

    private static func checksumCRC32(_ bytes: [UInt8]) -> UInt32 {
        let table = checksumTable
        var value: UInt32 = .max
        for byte in bytes { value = table[Int(UInt8(truncatingIfNeeded: value) ^ byte)] ^ value >> 8 }
        return ~value
    }
}

/// The bits of a file, lowest bit of each byte first.
private struct BitSource<Image: ImageSource> {
    private static var pieceSize: UInt64 { 1 << 16 }

    private let image: Image
    private var piece: [UInt8] = []
    private var index = 0
    private var position: UInt64 = 0
    private(set) var bits: UInt64 = 0
    private var count = 0

    init(_ image: Image) { self.image = image }

    /// Buffers 32 bits or more; zeros after the end of the file.
    mutating func fill() throws(BootError) {
        while count <= 48 {
            if index == piece.count {
                let size = min(Self.pieceSize, image.size - position)
                guard size > 0 else {
                    // `drop` throws if these zeros are consumed.
                    return
                }
                piece = try image.structure("compressed data", at: position, count: Int(size)).bytes
                position += size
                index = 0
            }
            bits |= UInt64(piece[index]) << UInt64(count)
            index += 1
            count += 8
        }
    }

    mutating func drop(_ number: Int) throws(BootError) {
        guard number <= count else { throw .badCompression("it ends too early") }
        bits >>= UInt64(number)
        count -= number
    }

    /// Consumes and returns the next bits, at most 32.
    mutating func readBits(_ number: Int) throws(BootError) -> UInt64 {
        try fill()
        let value = bits & (1 << UInt64(number) - 1)
        try drop(number)
        return value
    }

    mutating func dropPartialByte() {
        bits >>= UInt64(count % 8)
        count -= count % 8
    }
}

/// A prefix code: for each value of the next 15 bits, the symbol that they begin with and its length.
private struct PrefixCode {
    private static let longest = 15
    private let entries: [UInt16]

    /// - Parameter lengths: the length of each symbol's code, 0 for none, at most 15. RFC 1951, section 3.2.2.
    /// - Throws: if there are more codes than the lengths allow.
    init(_ lengths: ArraySlice<UInt8>) throws(BootError) {
        var counts = [Int](repeating: 0, count: Self.longest + 1)
        for length in lengths where length > 0 { counts[Int(length)] += 1 }
        var next = [Int](repeating: 0, count: Self.longest + 1)
        var code = 0
        for length in 1...Self.longest {
            next[length] = code
            code += counts[length]
            guard code <= 1 << length else { throw .badCompression("one of its codes is damaged") }
            code <<= 1
        }
        var entries = [UInt16](repeating: 0, count: 1 << Self.longest)
        for (symbol, length) in zip(0..., lengths) where length > 0 {
            let code = next[Int(length)]
            next[Int(length)] += 1
            // The highest bit of a code comes first.
            var reversed = 0
            for bit in 0..<Int(length) where code >> bit & 1 != 0 { reversed |= 1 << (Int(length) - 1 - bit) }
            for place in stride(from: reversed, to: entries.count, by: 1 << Int(length)) {
                entries[place] = UInt16(symbol << 4) | UInt16(length)
            }
        }
        self.entries = entries
    }

    /// Consumes and returns the next symbol.
    func next(_ input: inout BitSource<some ImageSource>) throws(BootError) -> Int {
        let entry = entries[Int(input.bits & (1 << UInt64(Self.longest) - 1))]
        guard entry != 0 else { throw .badCompression("one of its codes stands for nothing") }
        try input.drop(Int(entry & 15))
        return Int(entry >> 4)
    }
}

/// A decoder of the compressed blocks. RFC 1951.
private struct Inflation {
    /// The lengths of code 257 and on: the smallest, and the number of bits to add. Section 3.2.5.
    private static let lengths: [(least: Int, bits: Int)] = [
        (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0), (9, 0), (10, 0), (11, 1), (13, 1), (15, 1), (17, 1), (19, 2),
        (23, 2), (27, 2), (31, 2), (35, 3),
        (43, 3), (51, 3), (59, 3), (67, 4), (83, 4), (99, 4), (115, 4), (131, 5), (163, 5), (195, 5), (227, 5),
        (258, 0),
    ]
    private static let distances: [(least: Int, bits: Int)] = (0..<30).map { code in
        guard code >= 4 else { return (code + 1, 0) }
        let bits = code / 2 - 1
        let base = (2 + code & 1) << bits
        return (base + 1, bits)
    }
    /// The order of the lengths of the code for code lengths. Section 3.2.7.
    private static let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

    let limit: Int
    private(set) var output: [UInt8] = []

    init(limit: Int) { self.limit = limit }

    mutating func run(_ input: inout BitSource<some ImageSource>) throws(BootError) {
        var isLast = false
        while !isLast {
            isLast = try input.readBits(1) == 1
            switch try input.readBits(2) {
            case 0: try store(&input)
            case 1:
                let lengths = [(8, 144), (9, 112), (7, 24), (8, 8)].flatMap { [UInt8](repeating: $0.0, count: $0.1) }
                try expand(&input, try PrefixCode(lengths[...]), try PrefixCode([UInt8](repeating: 5, count: 30)[...]))
            case 2:
                let (literals, distances) = try codes(&input)
                try expand(&input, literals, distances)
            default: throw .badCompression("it has a block of no known kind")
            }
        }
    }

    private mutating func store(_ input: inout BitSource<some ImageSource>) throws(BootError) {
        input.dropPartialByte()
        let (count, complement) = (try input.readBits(16), try input.readBits(16))
        guard count ^ complement == 0xffff else { throw .badCompression("a stored block's length is damaged") }
        try check(room: Int(count))
        for _ in 0..<count { output.append(UInt8(try input.readBits(8))) }
    }

    private func codes(_ input: inout BitSource<some ImageSource>) throws(BootError) -> (PrefixCode, PrefixCode) {
        let (literals, distances, count) = (
            Int(try input.readBits(5)) + 257, Int(try input.readBits(5)) + 1, Int(try input.readBits(4)) + 4
        )
        guard literals <= 286, distances <= 30 else { throw .badCompression("it has more codes than there are") }
        var lengths = [UInt8](repeating: 0, count: 19)
        for index in 0..<count { lengths[Self.order[index]] = UInt8(try input.readBits(3)) }
        let code = try PrefixCode(lengths[...])
        lengths = []
        while lengths.count < literals + distances {
            try input.fill()
            let symbol = try code.next(&input)
            switch symbol {
            case 0..<16: lengths.append(UInt8(symbol))
            case 16:
                guard let last = lengths.last else { throw .badCompression("it repeats a length before the first") }
                lengths += repeatElement(last, count: Int(try input.readBits(2)) + 3)
            case 17: lengths += repeatElement(0, count: Int(try input.readBits(3)) + 3)
            default: lengths += repeatElement(0, count: Int(try input.readBits(7)) + 11)
            }
        }
        guard lengths.count == literals + distances else {
            throw .badCompression("it has more code lengths than codes")
        }
        return (try PrefixCode(lengths[..<literals]), try PrefixCode(lengths[literals...]))
    }

    private mutating func expand(
        _ input: inout BitSource<some ImageSource>, _ literals: PrefixCode, _ distances: PrefixCode
    ) throws(BootError) {
        while true {
            try input.fill()
            let symbol = try literals.next(&input)
            if symbol < 256 {
                try check(room: 1)
                output.append(UInt8(symbol))
                continue
            }
            if symbol == 256 { return }
            guard symbol - 257 < Self.lengths.count else { throw .badCompression("it has a length of no known code") }
            let length = Self.lengths[symbol - 257]
            let count = length.least + Int(try input.readBits(length.bits))
            try input.fill()
            let code = try distances.next(&input)
            guard code < Self.distances.count else { throw .badCompression("it has a distance of no known code") }
            let distance = Self.distances[code].least + Int(try input.readBits(Self.distances[code].bits))
            guard distance <= output.count else { throw .badCompression("it repeats what comes before its start") }
            try check(room: count)
            for _ in 0..<count { output.append(output[output.count - distance]) }
        }
    }

    private func check(room count: Int) throws(BootError) {
        guard output.count + count <= limit else {
            throw .badCompression("decompressed it is larger than \(limit >> 20) MiB")
        }
    }
}
