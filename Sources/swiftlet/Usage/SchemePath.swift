/// A value of the form `SCHEME:PATH`.
enum SchemePath {
    /// Splits a text at the first colon; nil without one. By bytes, since a path may begin with a mark that joins the
    /// colon to one character.
    static func split(_ text: String) -> (scheme: String, path: String)? {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        return (String(text[..<colon]), String(text[text.utf8.index(after: colon)...]))
    }

    /// Parses a file's format and its path, as for reports.
    static func format<Format: RawRepresentable<String> & CaseIterable>(_ text: String) throws(BadValue) -> (
        Format, String
    ) {
        let names = Format.allCases.map(\.rawValue)
        guard let (scheme, path) = split(text) else {
            throw BadValue("write FORMAT:PATH; the formats are \(names.joined(separator: ", "))")
        }
        guard let format = Format(rawValue: scheme) else {
            let near = BadValue.near(scheme, names).map { "did you mean \($0):\(path)?" }
            throw BadValue(
                "'\(scheme)' is no format here; \(near ?? "the formats are \(names.joined(separator: ", "))")")
        }
        return (format, try BadValue.path(path, behind: "\(scheme):"))
    }
}

extension BadValue {
    static func path(_ path: String, behind scheme: String) throws(BadValue) -> String {
        guard !path.isEmpty else { throw BadValue("there is no path after \(scheme)") }
        return path
    }
}
