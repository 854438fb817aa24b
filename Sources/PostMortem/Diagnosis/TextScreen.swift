public import X86

/// A VGA text screen of 80 columns and 25 rows: many kernels print to it and not to a serial port.
///
/// There is no display: 0xb8000 is plain RAM, which is read after the run.
public struct TextScreen: Sendable, Equatable {
    public static let columns = 80
    public static let rows = 25
    /// The text memory of a color display, and of a monochrome one.
    public static let colorMemory: UInt64 = 0xB8000
    public static let monochromeMemory: UInt64 = 0xB0000
    /// The size of that memory in bytes; larger offsets wrap around.
    public static let memorySize = 0x8000

    /// The address of the text.
    public let address: UInt64
    /// The rows that are not blank, from top to bottom, without trailing blanks.
    public let lines: [String]

    /// Reads the displayed page; if that is blank, the first page, and then the monochrome display's.
    /// - Parameter start: the CRT controller's start address, in characters: registers 12 and 13.
    /// - Returns: nil if all are blank.
    public init?(_ memory: some PhysicalMemory, start: UInt16) {
        for (base, offset) in [(Self.colorMemory, Int(start) * 2), (Self.colorMemory, 0), (Self.monochromeMemory, 0)] {
            guard let bytes = memory.read(at: base, count: Self.memorySize) else { continue }
            let begin = offset % Self.memorySize
            let lines = Self.lines(bytes, from: begin)
            guard !lines.isEmpty else { continue }
            self.address = base + UInt64(begin)
            self.lines = lines
            return
        }
        return nil
    }

    private static func lines(_ bytes: [UInt8], from begin: Int) -> [String] {
        (0..<rows).compactMap { row in
            var text: [Character] = []
            for column in 0..<columns {
                // A character and its color.
                let place = (begin + 2 * (row * columns + column)) % memorySize
                text.append(characters[Int(bytes[place])])
            }
            guard let last = text.lastIndex(where: { $0 != " " }) else { return nil }
            return String(text[...last])
        }
    }

    /// Code page 437 in a VGA's character generator: every byte is a visible character, even control characters.
    private static let characters = Array(
        " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
            + " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~⌂"
            + "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐"
            + "└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ")
}
