import Glibc
import KVM
import LinuxSystem
import PCI
import SystemPackage
import TestSupport

@testable import Assignment
@testable import HostDevices
@testable import VMM

/// A made-up host of Linux 4.4 with an 82574L behind sysfs files, assigned through `LegacyKernel`, on a guest's bus.
struct LegacyFixture {
    static let address = PCIAddress.pci(4)
    /// MSI-X: 5 vectors, the table in BAR 3 at 0, the pending bits at 0x2000.
    static let msix = 0xA0
    static let msi = 0xD0
    static let ranges: [(bar: Int, size: Int)] = [(0, 0x2_0000), (1, 0x2_0000), (2, 32), (3, 0x4000)]

    let kernel = LegacyKernel()
    let host: HostFixture
    let vm: VirtualMachine
    let routes: MessageRoutes
    let failures = AssignedFixture.Failures()

    static var hardware: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 4096)
        func put(_ offset: Int, _ values: UInt8...) {
            for (index, value) in values.enumerated() { bytes[offset + index] = value }
        }
        put(0x00, 0x86, 0x80, 0xD3, 0x10, 0x07, 0x00, 0x10, 0x00)
        put(0x34, 0xC8)
        put(0x3C, 0x0B, 0x01)
        put(0xC8, 0x01, 0xD0, 0x23, 0xC8, 0x08, 0x20)
        put(0xD0, 0x05, 0xE0, 0x80, 0x00)
        put(0xE0, 0x10, 0xA0, 0x01, 0x00, 0xC1, 0x8C, 0x00, 0x10, 0x10, 0x28)
        put(0xA0, 0x11, 0x00, 0x04, 0x80, 0x03, 0x00, 0x00, 0x00, 0x03, 0x20, 0x00, 0x00)
        return bytes
    }

    /// - Parameter interface: makes the interface that the machine is built on from the host's root; nil: `kernel`.
    init(driver: String? = "pci-stub", interface: ((String, LegacyKernel) -> KernelInterface)? = nil) throws {
        host = try HostFixture()
        let resource = [
            "0x00000000feb40000 0x00000000feb5ffff 0x0000000000040200",
            "0x00000000feb60000 0x00000000feb7ffff 0x0000000000040200",
            "0x000000000000c040 0x000000000000c05f 0x0000000000040101",
            "0x00000000feb80000 0x00000000feb83fff 0x0000000000040200",
        ]
        try host.add(Self.address, driver: driver, group: 1, config: Self.hardware, resource: resource)
        for (bar, size) in Self.ranges {
            let path = host.tree.path("\(HostFilesystem.folder(Self.address))/resource\(bar)")
            let file = try FileDescriptor.open(
                FilePath(path), .readWrite, options: .create, permissions: .ownerReadWrite)
            try file.closeAfter { try file.resize(to: Int64(size)) }
        }
        vm = virtualMachine(on: interface?(host.root.string, kernel) ?? kernel)
        routes = MessageRoutes(vm: vm)
    }

    func open() throws -> LegacyBackend {
        try LegacyHost.demand(.kvm, on: vm, for: Self.address, delivery: nil)
        return try LegacyHost(vm, routes: routes, tree: host.tree).open(Self.address)
    }

    func function(_ backend: LegacyBackend) throws -> AssignedFunction<LegacyBackend> {
        let (vm, failures) = (vm, failures)
        return try AssignedFunction(
            backend, line: { pin throws(SystemCallError) in try InterruptLine(gsi: 15 + UInt32(pin), vm: vm) },
            onFailure: { failures.add($0) })
    }

    /// A word of a range, as the device has it.
    func word(bar: Int, _ offset: Int) throws -> UInt32 {
        let file = try FileDescriptor.open(
            FilePath(host.tree.path("\(HostFilesystem.folder(Self.address))/resource\(bar)")), .readOnly)
        return try file.closeAfter {
            var value: UInt32 = 0
            _ = try withUnsafeMutableBytes(of: &value) { try file.read(fromAbsoluteOffset: Int64(offset), into: $0) }
            return value
        }
    }
}
