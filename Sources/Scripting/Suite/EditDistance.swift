/// The edit distance of two words: inserting, deleting or replacing a letter, or swapping two neighbours, counts one.
struct EditDistance {
    let count: Int

    init(_ left: String, _ right: String) {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        // Three rows of the table of distances between all prefixes (Damerau 1964, Wagner and Fischer 1974).
        var before = [Int](repeating: 0, count: right.count + 1)
        var row = Array(0...right.count)
        for i in left.indices {
            var next = [i + 1]
            for j in right.indices {
                var least = min(row[j] + (left[i] == right[j] ? 0 : 1), row[j + 1] + 1, next[j] + 1)
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    least = min(least, before[j - 1] + 1)
                }
                next.append(least)
            }
            (before, row) = (row, next)
        }
        count = row[right.count]
    }
}
