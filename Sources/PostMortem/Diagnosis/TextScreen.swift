public import X86

/// A VGA text screen of 80 columns and 25 rows: what many kernels print to and no serial port sees.
///
/// There is no display: 0xb8000 is plain RAM, and what the guest wrote there is read after the run.
public struct TextScreen: Sendable, Equatable {
    public static let columns = 80
    public static let rows = 25
    /// The memory of a color display's text, and of a monochrome one's.
    public static let colorMemory: UInt64 = 0xB8000
    public static let monochromeMemory: UInt64 = 0xB0000
    /// The bytes of that memory; an address beyond it begins anew.
    public static let memorySize = 0x8000

    /// Where it begins.
    public let address: UInt64
    /// Its rows from top to bottom without those that are blank, and without blanks at their ends.
    public let lines: [String]

    /// Reads the page that is shown; where it is blank, the first page, and then the monochrome display's.
    /// - Parameter start: the CRT controller's start address, in characters: registers 12 and 13.
    /// - Returns: nil for a screen on which nothing is.
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

    /// Code page 437 as a VGA's character generator has it: every byte is a visible character, control characters too.
    private static let characters = Array(
        " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
            + " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~⌂"
            + "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐"
            + "└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ")
}
