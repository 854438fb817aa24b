import Bytes

extension SymbolTable {
    /// Returns a file's bytes at an offset; nil if the file is shorter or can't be read.
    public typealias FileReader = (_ offset: UInt64, _ count: Int) -> [UInt8]?

    /// The largest size of names read from a file, more than any kernel has.
    private static let textLimit: UInt64 = 64 << 20

    /// Reads the symbol table (`SHT_SYMTAB`) of an ELF file for x86, 32 or 64 bits; System V ABI, chapter 4, "Symbol
    /// Table". nil if the file is not one, has been stripped, or contradicts itself.
    /// - Parameter isOver: returns true when the time is up; called now and then.
    public init?(elf read: FileReader, isOver: () -> Bool = { false }) {
        guard let identification = read(0, 64), identification.count == 64,
            identification.starts(with: [0x7F, 0x45, 0x4C, 0x46]),
            identification[5] == 1
        else { return nil }
        let is64 = identification[4] == 2
        let table = is64 ? identification.littleEndian(at: 40, count: 8) : identification.littleEndian(at: 32, count: 4)
        let count = Int(identification.littleEndian(at: is64 ? 60 : 48, count: 2))
        let entry = Int(identification.littleEndian(at: is64 ? 58 : 46, count: 2))
        guard entry == (is64 ? 64 : 40), count > 0, let bytes = read(table, count * entry) else { return nil }
        let sections = (0..<count).map { Section(Array(bytes[$0 * entry..<($0 + 1) * entry]), is64: is64) }
        guard let symbols = sections.first(where: { $0.type == 2 }), symbols.link < count else { return nil }
        let names = sections[symbols.link]
        let size = is64 ? 24 : 16
        let all = symbols.size / UInt64(size)
        let used = Int(min(all, UInt64(Self.maximumCount)))
        guard let text = read(names.offset, Int(min(names.size, Self.textLimit))),
            let list = read(symbols.offset, used * size)
        else { return nil }
        var omission: Omission? = all > UInt64(used) || names.size > Self.textLimit ? .count(used) : nil
        let isCode = sections.map(\.isCode)
        var found: [Entry] = []
        for index in 0..<used {
            if index % 1024 == 1023, isOver() {
                omission = .time(index)
                break
            }
            if let entry = Self.entry(list, at: index * size, is64: is64, names: text, sections: isCode) {
                found.append(entry)
            }
        }
        guard !found.isEmpty else { return nil }
        self.init(found, in: text, endedBy: 0, omission: omission)
    }

    private static func entry(_ list: [UInt8], at start: Int, is64: Bool, names: [UInt8], sections: [Bool]) -> Entry? {
        func number(_ offset: Int, _ count: Int) -> UInt64 {
            var value: UInt64 = 0
            for index in 0..<count { value |= UInt64(list[start + offset + index]) << UInt64(8 * index) }
            return value
        }
        let info = list[start + (is64 ? 4 : 12)]
        let section = Int(number(is64 ? 6 : 14, 2))
        let name = Int(number(0, 4))
        // Functions, objects and untyped symbols of assembly files, if they are in a section of the file.
        guard info & 15 <= 2, section > 0, section < sections.count, name > 0, name < names.count, names[name] != 0
        else { return nil }
        return Entry(
            address: is64 ? number(8, 8) : number(4, 4), size: is64 ? number(16, 8) : number(8, 4), name: name,
            order: start, isCode: sections[section])
    }

    private struct Section {
        let type: UInt64
        let isCode: Bool
        let offset, size: UInt64
        let link: Int

        init(_ header: [UInt8], is64: Bool) {
            type = header.littleEndian(at: 4, count: 4)
            isCode = header.littleEndian(at: 8, count: is64 ? 8 : 4) & 4 != 0
            offset = is64 ? header.littleEndian(at: 24, count: 8) : header.littleEndian(at: 16, count: 4)
            size = is64 ? header.littleEndian(at: 32, count: 8) : header.littleEndian(at: 20, count: 4)
            link = Int(header.littleEndian(at: is64 ? 40 : 24, count: 4))
        }
    }
}
