import Bytes
import Glibc
public import PCI
public import SystemPackage

@testable public import HostDevices

/// A made-up host: sysfs, /dev, /proc and /run in a folder that goes away with this value, and a stand-in for what the
/// kernel does when a driver file is written. It says what our code does with the files; what a kernel does is tried in
/// the lab.
public final class HostFixture: Sendable {
    public let root: FilePath
    public let tree: HostFilesystem

    /// - Parameters:
    ///   - drivers: those that are loaded
    ///   - refusing: functions that a driver does not take
    ///   - defaults: the driver that takes a function when nobody says which
    public init(
        drivers: [String] = ["vfio-pci", "pci-stub", "e1000e", "ahci"], refusing: [PCIAddress: String] = [:],
        defaults: [PCIAddress: String] = [:]
    ) throws {
        var template = Array("/tmp/swiftlet-host-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
        let root = FilePath(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
        self.root = root
        tree = HostFilesystem(root: root) { path, text in
            Self.react(HostFilesystem(root: root), path, text, refusing, defaults)
        }
        for folder in [
            "sys/bus/pci/devices", "sys/devices/pci0000:00", "sys/kernel/iommu_groups", "dev/vfio", "proc/self", "run",
        ] {
            try tree.create("\(folder)/.keep", "")
            try tree.remove("\(folder)/.keep")
        }
        try tree.create("sys/bus/pci/drivers_probe", "")
        for driver in drivers {
            for file in ["bind", "unbind"] { try tree.create("sys/bus/pci/drivers/\(driver)/\(file)", "") }
        }
    }

    deinit { Self.removeAll(root.string) }

    private static func removeAll(_ path: String) {
        let tree = HostFilesystem(root: FilePath(path))
        if tree.linkTarget("") == nil, tree.isFolder("") {
            for name in tree.names(in: "") { removeAll("\(path)/\(name)") }
        }
        Glibc.remove(path)
    }

    /// Adds a function.
    public func add(
        _ address: PCIAddress, vendor: UInt16 = 0x8086, device: UInt16 = 0x10d3, class: UInt32 = 0x02_0000,
        driver: String? = nil,
        group: Int? = nil,
        config: [UInt8] = HostFixture.config(), resource: [String] = []
    ) throws {
        let folder = "sys/devices/pci0000:00/\(address)"
        let lines =
            resource
            + Array(repeating: "0x0000000000000000 0x0000000000000000 0x0000000000000000", count: 7 - resource.count)
        let files = [
            "vendor": "0x\(vendor.hexadecimalDigits(4))", "device": "0x\(device.hexadecimalDigits(4))",
            "class": "0x\(`class`.hexadecimalDigits(6))",
            "subsystem_vendor": "0x8086", "subsystem_device": "0x0000", "revision": "0x01", "irq": "11",
            "numa_node": "-1",
            "driver_override": "(null)", "resource": lines.joined(separator: "\n"),
        ]
        for (name, text) in files { try tree.create("\(folder)/\(name)", text + "\n") }
        try create("\(folder)/config", config)
        try link("sys/bus/pci/devices/\(address)", "../../../devices/pci0000:00/\(address)")
        if let driver { try link("\(folder)/driver", "../../../bus/pci/drivers/\(driver)") }
        if let group {
            try tree.create("sys/kernel/iommu_groups/\(group)/devices/.keep", "")
            try tree.remove("sys/kernel/iommu_groups/\(group)/devices/.keep")
            try link("sys/kernel/iommu_groups/\(group)/devices/\(address)", "../../../../devices/pci0000:00/\(address)")
            try link("\(folder)/iommu_group", "../../../kernel/iommu_groups/\(group)")
        }
    }

    public func link(_ relative: String, _ target: String) throws {
        guard symlink(target, tree.path(relative)) == 0 else { throw Errno(rawValue: errno) }
    }

    private func create(_ relative: String, _ bytes: [UInt8]) throws {
        try tree.create(relative, "")
        let file = try FileDescriptor.open(FilePath(tree.path(relative)), .writeOnly)
        try file.closeAfter { _ = try file.writeAll(bytes) }
    }

    /// A 4 KiB config space: power management, MSI with 4 vectors, PCI Express with FLR, MSI-X with 5 vectors; AER
    /// beyond byte 256.
    public static func config(headerType: UInt8 = 0) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 4096)
        func put(_ offset: Int, _ values: UInt8...) {
            for (index, value) in values.enumerated() { bytes[offset + index] = value }
        }
        put(0x06, 0x10)  // Status: has a capability list
        put(0x0e, headerType)
        put(0x34, 0x40)
        put(0x3d, 1)
        put(0x40, 0x01, 0x50, 0x03, 0x00)
        put(0x50, 0x05, 0x60, 0x84, 0x00)  // multiple message capable = 2: 4 vectors
        put(0x60, 0x10, 0xa0, 0x01, 0x00, 0x00, 0x00, 0x00, 0x10)  // Device Capabilities bit 28
        put(0xa0, 0x11, 0x00, 0x04, 0x00)
        put(0x100, 0x01, 0x00, 0x01, 0x00)
        return bytes
    }

    /// What a kernel does after these writes.
    private static func react(
        _ tree: HostFilesystem, _ path: String, _ text: String, _ refusing: [PCIAddress: String],
        _ defaults: [PCIAddress: String]
    ) {
        guard let address = PCIAddress(text) else { return }
        let link = tree.path("\(HostFilesystem.folder(address))/driver")
        func bind(_ driver: String) {
            guard refusing[address] != driver else { return }
            symlink("../../../bus/pci/drivers/\(driver)", link)
        }
        if path.hasSuffix("/driver/unbind") {
            unlink(link)
        } else if path.hasSuffix("/drivers_probe"), tree.driver(of: address) == nil {
            let override = (try? tree.text("\(HostFilesystem.folder(address))/driver_override")) ?? ""
            if !override.isEmpty && override != "(null)" {
                bind(override)
            } else if let driver = defaults[address] {
                bind(driver)
            }
        } else if path.hasSuffix("/bind"), let driver = FilePath(path).removingLastComponent().lastComponent?.string {
            bind(driver)
        }
    }
}

extension PCIAddress {
    /// `pci(4)` is 0000:00:04.0.
    public static func pci(_ device: UInt8, _ function: UInt8 = 0) -> PCIAddress {
        PCIAddress(requesterID: UInt16(device) << 3 | UInt16(function))
    }
}
