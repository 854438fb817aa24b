/// The window for memory BARs below 4 GiB, which is as large as a machine's devices need, and the end of RAM below it.
struct DeviceWindow: Equatable {
    /// From the highest end of RAM below 4 GiB to ECAM.
    let range: Range<UInt64>

    /// The smallest RAM below 4 GiB, whatever the devices need: kernels and their initrds are loaded there.
    static let smallestRAM: UInt64 = 1 << 30
    /// The step of its size.
    private static let step: UInt64 = 256 << 20

    /// - Parameters:
    ///   - memory: RAM in bytes.
    ///   - needs: the registers of the functions, those that are placed together in one array.
    ///   - high: the window for memory BARs above 4 GiB.
    init(memory: UInt64, needs: [[BARPlacement.Need]], high: Range<UInt64>) {
        let standard = PhysicalLayout.memoryWindow
        let ramEnd = (min(memory, standard.lowerBound) + Self.step - 1) / Self.step * Self.step
        // First the space that costs no RAM. Then RAM is reduced, for registers that fit nowhere else.
        let start =
            Self.start(downTo: max(ramEnd, Self.step), needs, high: 0..<0) ?? Self.start(
                downTo: Self.smallestRAM, needs, high: high) ?? standard.lowerBound
        range = start..<standard.upperBound
    }

    /// Returns the highest start of a window that holds all.
    private static func start(downTo lowest: UInt64, _ needs: [[BARPlacement.Need]], high: Range<UInt64>) -> UInt64? {
        var start = PhysicalLayout.memoryWindow.lowerBound
        while start >= lowest {
            var placement = BARPlacement(low: start..<PhysicalLayout.memoryWindow.upperBound, high: high)
            if needs.allSatisfy({ !placement.place($0).contains(nil) }) { return start }
            start -= step
        }
        return nil
    }
}
