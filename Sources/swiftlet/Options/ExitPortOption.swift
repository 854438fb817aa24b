import ArgumentParser
import Bytes
import VMM

/// `--exit-port`: the port whose value ends the run.
struct ExitPortOption: Equatable, ExpressibleByArgument, OptionValue {
    /// The port; nil for none.
    let port: UInt16?

    /// swiftlet's default.
    static let standard = ExitPortOption(port: BoardMap.exitPort)

    init(port: UInt16?) { self.port = port }

    init?(argument: String) {
        guard let option = try? ExitPortOption(option: argument) else { return nil }
        self = option
    }

    var defaultValueDescription: String { port?.hexadecimal ?? "none" }

    /// - Parameter text: `none`, or a port in decimal or, after 0x, hexadecimal.
    init(option text: String) throws(BadValue) {
        guard text != "none" else {
            port = nil
            return
        }
        let isHexadecimal = text.hasPrefix("0x") || text.hasPrefix("0X")
        let digits = isHexadecimal ? text.dropFirst(2) : text[...]
        // By digits alone: the integer's own parser accepts a sign too.
        guard !digits.isEmpty, digits.utf8.allSatisfy({ isHexadecimal ? $0.isHexadecimalDigit : $0.isDigit }) else {
            throw BadValue("expected a port, as 0xf4 or 0x501, or none")
        }
        guard let port = UInt16(digits, radix: isHexadecimal ? 16 : 10) else {
            throw BadValue("the last port is 0xffff")
        }
        if let owner = BoardMap().owner(of: port) {
            throw BadValue("port \(port.hexadecimal) belongs to \(owner): 0xf4 and 0x501 are free")
        }
        self.port = port
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
    fileprivate var isHexadecimalDigit: Bool {
        isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self | 0x20)
    }
}
