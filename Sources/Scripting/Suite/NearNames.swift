/// Suggestions for an unknown name.
public enum NearNames {
    /// Returns the most likely first: those that contain the word, then those that differ least; at most `limit`.
    public static func of(_ wanted: String, among names: [String], limit: Int) -> [String] {
        let word = wanted.lowercased()
        // The work is bounded for words of any length.
        guard limit > 0, word.utf8.count <= 200 else { return Array(names.prefix(max(limit, 0))) }
        let ranked = names.prefix(2000).enumerated().map { place, name in
            let text = name.lowercased()
            let isPart = !word.isEmpty && (text.contains(word) || word.contains(text))
            // People type the boot's own name, not the values of its matrix.
            let stem = String(text.prefix { $0 != "[" }.prefix(200))
            return (
                name: name,
                rank: isPart
                    ? 0 : min(EditDistance(word, stem).count, EditDistance(word, String(text.prefix(200))).count),
                place: place
            )
        }
        return ranked.sorted { ($0.rank, $0.place) < ($1.rank, $1.place) }.prefix(limit).map(\.name)
    }

    /// Returns the end of a sentence about an unknown name: `; there are a, b and 3 more`.
    public static func sentence(_ wanted: String, among names: [String]) -> String {
        let near = of(wanted, among: names, limit: 8)
        guard !near.isEmpty else { return "" }
        let more = names.count - near.count
        return
            """
            ; there \(names.count == 1 ? "is" : "are") \
            \(near.joined(separator: ", "))\(more > 0 ? " and \(more) more (--list)" : "")
            """
    }
}
