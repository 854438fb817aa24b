import Testing

/// The choices of `--device BDF,msi=`.
enum MessageDelivery: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case signal, irqfd

    var testDescription: String { "msi=\(rawValue)" }
}
