import ArgumentParser

/// A size of memory as people write it: `256M`, `2G`, `1048576`.
struct MemorySize: Equatable, ExpressibleByArgument, CustomStringConvertible {
    let bytes: UInt64

    init(bytes: UInt64) { self.bytes = bytes }

    init?(argument: String) {
        var digits = Substring(argument.uppercased())
        if digits.hasSuffix("IB") { digits = digits.dropLast(2) } else if digits.hasSuffix("B") { digits = digits.dropLast() }
        var factor: UInt64 = 1
        for (suffix, shift) in [("K", 10), ("M", 20), ("G", 30), ("T", 40)] as [(Character, UInt64)] where digits.last == suffix {
            factor = 1 << shift
            digits = digits.dropLast()
            break
        }
        guard let number = UInt64(digits), !number.multipliedReportingOverflow(by: factor).overflow else { return nil }
        bytes = number * factor
    }

    var description: String {
        bytes % (1 << 30) == 0 ? "\(bytes >> 30)G" : bytes % (1 << 20) == 0 ? "\(bytes >> 20)M" : "\(bytes)"
    }
}

/// A time as people write it: `60s`, `1.5s`, `500ms`, `2m`; a bare number is seconds.
struct TimeLimit: Equatable, ExpressibleByArgument {
    let seconds: Double

    init?(argument: String) {
        let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600)]
        let (suffix, factor) = units.first { argument.hasSuffix($0.0) } ?? ("", 1)
        guard let number = Double(argument.dropLast(suffix.count)), number > 0, number * factor < 1e9 else { return nil }
        seconds = number * factor
    }
}
