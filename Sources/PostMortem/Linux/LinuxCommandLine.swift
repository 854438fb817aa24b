/// The parameters of a Linux command line that decide where the kernel prints.
///
/// Linux, Documentation/admin-guide/kernel-parameters.txt and serial-console.rst; lib/cmdline.c, next_arg, has the
/// quotation marks.
public struct LinuxCommandLine: Sendable, Equatable {
    /// The name and value of each parameter in order; the value is nil without an equals sign.
    private let parameters: [(name: String, value: String?)]

    public static func == (left: LinuxCommandLine, right: LinuxCommandLine) -> Bool {
        left.parameters.elementsEqual(right.parameters) { $0.name == $1.name && $0.value == $1.value }
    }

    public init(_ text: String) {
        var words: [[UInt8]] = []
        var word: [UInt8] = []
        var isQuoted = false
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") {
                isQuoted.toggle()
            } else if !isQuoted, [9, 10, 11, 12, 13, 32].contains(byte) {
                if !word.isEmpty { words.append(word) }
                word = []
            } else {
                word.append(byte)
            }
        }
        if !word.isEmpty { words.append(word) }
        // Words after "--" are for init.
        parameters = words.prefix { $0 != Array("--".utf8) }.map { word in
            let parts = word.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            return (
                String(decoding: parts[0], as: UTF8.self),
                parts.count > 1 ? String(decoding: parts[1], as: UTF8.self) : nil
            )
        }
    }

    /// Returns the values of a parameter, in order.
    func values(_ name: String) -> [String] { parameters.filter { $0.name == name }.map { $0.value ?? "" } }

    func has(_ name: String) -> Bool { parameters.contains { $0.name == name } }

    /// The values of `console=`, in order.
    var consoles: [String] { values("console") }

    /// True if one of the consoles is the first serial port, by name, by number or by its address.
    var namesSerialConsole: Bool { consoles.contains { Self.isFirstPort($0) } }

    /// True if messages go to the first serial port before the consoles are up.
    var printsEarly: Bool {
        values("earlycon").contains { Self.isFirstPort($0) }
            || values("earlyprintk").contains { value in
                let words = value.split(separator: ",")
                guard let index = words.firstIndex(where: { $0 == "serial" || $0.hasPrefix("ttyS") }) else {
                    return false
                }
                if words[index].hasPrefix("ttyS") { return words[index] == "ttyS0" || words[index] == "ttyS" }
                guard words.count > index + 1 else { return true }
                return ["ttys0", "0", "0x3f8"].contains(words[index + 1].lowercased())
            }
    }

    /// The word that keeps all but errors off the consoles, such as `quiet`; nil if there is none.
    var silencer: String? {
        guard !has("ignore_loglevel"), !has("debug") else { return nil }
        // The last of them wins.
        let last = parameters.last { $0.name == "quiet" || $0.name == "loglevel" }
        guard let last else { return nil }
        if last.name == "quiet" { return "quiet" }
        guard let value = last.value, let level = Int(value), level < 6 else { return nil }
        return "loglevel=\(level)"
    }

    /// drivers/tty/serial/8250/8250_core.c and kernel/printk/printk.c, console_setup: a number alone means ttySN.
    private static func isFirstPort(_ value: String) -> Bool {
        let words = value.split(separator: ",", omittingEmptySubsequences: false)
        switch words[0] {
        case "ttyS0", "0": return true
        case "uart", "uart8250": return words.count > 2 && words[1] == "io" && words[2].lowercased() == "0x3f8"
        default: return false
        }
    }
}
