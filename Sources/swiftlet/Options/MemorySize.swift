import ArgumentParser
import LinuxSystem

/// A size of memory in its usual form: `256M`, `2G`, `1048576`.
struct MemorySize: Equatable, ExpressibleByArgument, OptionValue, CustomStringConvertible {
    let bytes: UInt64

    /// The smallest memory of a machine in bytes: a MiB.
    private static let least: UInt64 = 1 << 20

    init(bytes: UInt64) { self.bytes = bytes }

    init(option text: String) throws(BadValue) {
        bytes = try Self.bytes(text, from: Self.least, excess: "that is more than a machine can have")
    }

    /// Parses a size.
    /// - Parameters:
    ///   - least: the smallest size, in bytes.
    ///   - excess: the error for more than a number of bytes can be.
    static func bytes(_ text: String, from least: UInt64, excess: String) throws(BadValue) -> UInt64 {
        var digits = Substring(text.uppercased())
        if digits.hasSuffix("IB") {
            digits = digits.dropLast(2)
        } else if digits.hasSuffix("B") {
            digits = digits.dropLast()
        }
        var factor: UInt64 = 1
        if let unit = ByteCount.units.first(where: { $0.letter == digits.last }) {
            factor = 1 << unit.shift
            digits = digits.dropLast()
        }
        guard let number = UInt64(digits) else {
            throw BadValue("a size is a whole number and K, M, G or T, as 256M or 2G")
        }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        guard !overflow, product <= UInt64(Int.max) else { throw BadValue(excess) }
        guard product >= least else {
            // A bare number means bytes here and MiB in QEMU's -m.
            throw BadValue(
                number > 0 && factor == 1
                    ? "that is \(number) bytes; did you mean \(number)M?" : "the least is \(ByteCount(least).option)")
        }
        return product
    }

    init?(argument: String) {
        guard let size = try? MemorySize(option: argument) else { return nil }
        self = size
    }

    var description: String { ByteCount(bytes).option }
}

/// A time in its usual form: `60s`, `1.5s`, `500ms`, `2m`; a bare number is seconds.
struct TimeLimit: Equatable, ExpressibleByArgument, OptionValue {
    let seconds: Double

    init(option text: String) throws(BadValue) {
        let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600)]
        let (suffix, factor) = units.first { text.hasSuffix($0.0) } ?? ("", 1)
        guard let number = Double(text.dropLast(suffix.count)), !number.isNaN else {
            throw BadValue("a time is a number and ms, s, m or h, as 60s or 2m")
        }
        guard number > 0 else { throw BadValue("a time is more than nothing; without the option there is no limit") }
        guard number * factor < 1e9 else {
            throw BadValue("that is longer than 30 years; without the option there is no limit")
        }
        seconds = number * factor
    }

    init?(argument: String) {
        guard let limit = try? TimeLimit(option: argument) else { return nil }
        self = limit
    }
}
