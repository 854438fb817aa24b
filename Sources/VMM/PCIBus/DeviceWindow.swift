/// Where memory BARs are given addresses below 4 GiB, and where RAM ends for them: as much room as a machine's devices
/// need.
struct DeviceWindow: Equatable {
    /// From the end of RAM below 4 GiB, at the latest, to ECAM.
    let range: Range<UInt64>

    /// RAM below 4 GiB keeps so much whatever the devices want: kernels and their initrds lie there.
    static let smallestRAM: UInt64 = 1 << 30
    /// What it grows by.
    private static let step: UInt64 = 256 << 20

    /// - Parameters:
    ///   - memory: RAM in bytes.
    ///   - needs: the registers of the functions, those that are placed together in one array.
    ///   - high: where memory BARs lie above 4 GiB.
    init(memory: UInt64, needs: [[BARPlacement.Need]], high: Range<UInt64>) {
        let standard = PhysicalLayout.memoryWindow
        let ramEnd = (min(memory, standard.lowerBound) + Self.step - 1) / Self.step * Self.step
        // First what costs no RAM. Then RAM gives way, to what can lie nowhere else.
        let start =
            Self.start(downTo: max(ramEnd, Self.step), needs, high: 0..<0) ?? Self.start(
                downTo: Self.smallestRAM, needs, high: high) ?? standard.lowerBound
        range = start..<standard.upperBound
    }

    /// The highest start of a window that holds all.
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
