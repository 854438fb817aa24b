import ArgumentParser

/// `--test-function`: the slot of a function that raises interrupts on request.
struct TestFunctionOption: Equatable, ExpressibleByArgument, OptionValue {
    /// The slot, 1...31; nil for the first free one.
    let slot: Int?

    init?(argument: String) {
        guard let option = try? TestFunctionOption(option: argument) else { return nil }
        self = option
    }

    /// - Parameter text: `auto`, or a slot's number.
    init(option text: String) throws(BadValue) {
        if text == "auto" {
            slot = nil
            return
        }
        guard let number = Int(text), (1...31).contains(number), text.utf8.first != UInt8(ascii: "+") else {
            throw BadValue("expected a PCI slot, 1 to 31, or auto for the first free one")
        }
        slot = number
    }
}
