/// Names of files for the boots of a suite: `consoles/NAME.log` and the like.
///
/// Any name of a boot becomes one that file systems and artifact uploads accept: no `" : < > | * ? [ ] = / \`, no
/// control, format or private character, not `.` or `..`, no blank or full stop at either end, none of the names that
/// Windows reserves for devices, and at most 120 bytes. No two names of a suite are equal, even if case is ignored.
public enum BootFileName {
    /// The largest size of a name with its suffix, in bytes.
    static let byteLimit = 120
    /// The part of it reserved for the suffix, such as `.log` and `.trace.partial`.
    static let suffixLimit = 16

    /// Returns a name for each boot, in their order. A name depends only on the boots before it.
    public static func names(for boots: [String]) -> [String] {
        var taken: Set<String> = []
        var counts: [String: Int] = [:]
        return boots.map { boot in
            let plain = plain(boot)
            var name = plain
            var number = counts[folded(plain), default: 1]
            while !taken.insert(folded(name)).inserted {
                number += 1
                name = cut(plain, to: byteLimit - suffixLimit - "~\(number)".utf8.count) + "~\(number)"
            }
            counts[folded(plain)] = number
            return name
        }
    }

    private static func plain(_ boot: String) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in boot.unicodeScalars { scalars.append(isTaken(scalar) ? scalar : "_") }
        var name = cut(String(scalars), to: byteLimit - suffixLimit)
        // Windows drops them, a shell requires quotation marks for them, and a full stop at the start hides a file.
        while let last = name.unicodeScalars.last, last == " " || last == "." { name.unicodeScalars.removeLast() }
        if let first = name.unicodeScalars.first, first == " " || first == "." || first == "-" || first == "~" {
            name.unicodeScalars.replaceSubrange(
                name.unicodeScalars.startIndex...name.unicodeScalars.startIndex, with: ["_"])
        }
        let stem = name.split(separator: ".", omittingEmptySubsequences: false).first.map { $0.uppercased() } ?? ""
        let isDevice =
            ["CON", "PRN", "AUX", "NUL"].contains(stem)
            || stem.count == 4 && (stem.hasPrefix("COM") || stem.hasPrefix("LPT"))
        return name.isEmpty || isDevice ? "_\(name)" : name
    }

    private static func isTaken(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\"", ":", "<", ">", "|", "*", "?", "[", "]", "=", "/", "\\", "\u{FFFD}": return false
        default: break
        }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: return false
        case .spaceSeparator: return scalar == " "
        default: return true
        }
    }

    /// Returns the form that file systems without case compare; strings that differ only in the encoding of an accent
    /// are equal too.
    private static func folded(_ name: String) -> String { name.uppercased().lowercased() }

    /// Cuts the name after whole characters.
    private static func cut(_ name: String, to count: Int) -> String {
        var name = name
        while name.utf8.count > count { name.removeLast() }
        return name
    }
}
