import ArgumentParser

/// A size of memory as people write it: `256M`, `2G`, `1048576`.
struct MemorySize: Equatable, ExpressibleByArgument, OptionValue, CustomStringConvertible {
    let bytes: UInt64

    /// The least that a machine is built with, in bytes: a MiB.
    private static let least: UInt64 = 1 << 20

    init(bytes: UInt64) { self.bytes = bytes }

    init(option text: String) throws(BadValue) {
        var digits = Substring(text.uppercased())
        if digits.hasSuffix("IB") { digits = digits.dropLast(2) } else if digits.hasSuffix("B") { digits = digits.dropLast() }
        var factor: UInt64 = 1
        for (suffix, shift) in [("K", 10), ("M", 20), ("G", 30), ("T", 40)] as [(Character, UInt64)] where digits.last == suffix {
            factor = 1 << shift
            digits = digits.dropLast()
            break
        }
        guard let number = UInt64(digits) else { throw BadValue("a size is a whole number and K, M, G or T, as 256M or 2G") }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        guard !overflow else { throw BadValue("that is more than a machine can have") }
        guard product >= Self.least else {
            // A bare number is bytes here and MiB in QEMU's -m.
            throw BadValue(number > 0 && factor == 1 ? "that is \(number) bytes; did you mean \(number)M?" : "the least is 1M")
        }
        bytes = product
    }

    init?(argument: String) {
        guard let size = try? MemorySize(option: argument) else { return nil }
        self = size
    }

    var description: String {
        bytes % (1 << 30) == 0 ? "\(bytes >> 30)G" : bytes % (1 << 20) == 0 ? "\(bytes >> 20)M" : "\(bytes)"
    }
}

/// A time as people write it: `60s`, `1.5s`, `500ms`, `2m`; a bare number is seconds.
struct TimeLimit: Equatable, ExpressibleByArgument, OptionValue {
    let seconds: Double

    init(option text: String) throws(BadValue) {
        let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600)]
        let (suffix, factor) = units.first { text.hasSuffix($0.0) } ?? ("", 1)
        guard let number = Double(text.dropLast(suffix.count)), !number.isNaN else {
            throw BadValue("a time is a number and ms, s, m or h, as 60s or 2m")
        }
        guard number > 0 else { throw BadValue("a time is more than nothing; without the option there is no limit") }
        guard number * factor < 1e9 else { throw BadValue("that is longer than 30 years; without the option there is no limit") }
        seconds = number * factor
    }

    init?(argument: String) {
        guard let limit = try? TimeLimit(option: argument) else { return nil }
        self = limit
    }
}
