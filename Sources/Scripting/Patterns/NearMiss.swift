/// Suggestions for an unknown word.
public enum NearMiss {
    /// Returns the known word that differs least; nil if it differs too much for a typing error. The work is bounded
    /// for words of any length.
    public static func word(_ wanted: String, among known: [String]) -> String? {
        guard wanted.utf8.count <= 32 else { return nil }
        let slip = wanted.utf8.count < 4 ? 1 : 2
        let near = known.map { (word: $0, distance: EditDistance(wanted, $0).count) }.min { $0.distance < $1.distance }
        return near.flatMap { $0.distance <= slip ? $0.word : nil }
    }
}
