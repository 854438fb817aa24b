public import HostDevices
public import PCI
public import VMM

extension HostFilesystem {
    /// Returns the base address registers of a function, including its expansion ROM's, from the file `resource` in
    /// sysfs: none if it has no such file.
    ///
    /// Each line is a range's start, end and flags (include/linux/ioport.h): the first six are the registers, the
    /// seventh is the ROM.
    public func baseAddressRegisters(of address: PCIAddress) -> [BARPlacement.Need] {
        let lines = ((try? text("\(Self.folder(address))/resource")) ?? "").split(separator: "\n").prefix(7)
        return lines.enumerated().compactMap { index, line in
            let numbers = line.split(separator: " ").compactMap { UInt64($0.dropFirst(2), radix: 16) }
            guard numbers.count == 3, numbers[1] > numbers[0] else { return nil }
            let (count, overflow) = (numbers[1] - numbers[0]).addingReportingOverflow(1)
            guard !overflow, count.nonzeroBitCount == 1 else { return nil }
            let kind: BAR.Kind =
                index == 6 ? .rom : numbers[2] & 0x100 != 0 ? .io : numbers[2] & 0x10_0000 != 0 ? .memory64 : .memory32
            return BARPlacement.Need(kind, size: count)
        }
    }
}
