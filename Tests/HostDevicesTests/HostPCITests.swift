import PCI
import SystemPackage
import Testing
import TestSupport

@testable import HostDevices

@Suite struct HostPCITests {
    @Test func readsWhatTheKernelAndConfigSpaceSay() throws {
        let host = try HostFixture()
        try host.add(
            .pci(4), driver: "vfio-pci", group: 3,
            resource: [
                "0x00000000fea00000 0x00000000fea1ffff 0x0000000000040200",
                "0x0000000000000000 0x0000000000000000 0x0000000000000000",
                "0x000000000000c080 0x000000000000c09f 0x0000000000040101",
                "0x0000000000000000 0x0000000000000000 0x0000000000000000",
                "0x00000008fea00000 0x00000008feafffff 0x000000000014220c",
            ])
        let function = try #require(try HostPCI(tree: host.tree).function(at: .pci(4)))
        #expect(function.address == .pci(4))
        #expect(function.numericID == "8086:10d3")
        #expect(function.classCode == 0x0200)
        #expect(function.revision == 1)
        #expect(function.subsystemVendorID == 0x8086)
        #expect(!function.isBridge)
        #expect(function.isNetworkController)
        #expect(function.driver == "vfio-pci")
        #expect(function.iommuGroup == 3)
        #expect(function.numaNode == nil)
        #expect(function.irq == 11)
        #expect(function.interruptPin == 1)
        #expect(
            function.bars == [
                .init(index: 0, kind: .memory32, isPrefetchable: false, address: 0xfea0_0000, size: 0x2_0000),
                .init(index: 2, kind: .ports, isPrefetchable: false, address: 0xc080, size: 32),
                .init(index: 4, kind: .memory64, isPrefetchable: true, address: 0x8_fea0_0000, size: 0x10_0000),
            ])
        #expect(function.capabilities.map(\.offset) == [0x40, 0x50, 0x60, 0xa0, 0x100])
        #expect(
            function.capabilities.map(\.name) == [
                "Power Management", "MSI", "PCI Express", "MSI-X", "Advanced Error Reporting",
            ])
        #expect(function.has(.msix))
        #expect(function.has(.pciExpress))
        #expect(!function.has(.singleRootIOV))
        #expect(function.msiVectors == 4)
        #expect(function.msixVectors == 5)
        #expect(function.hasFunctionLevelReset)
        #expect(function.isConfigReadable)
        #expect(function.names == nil)
        #expect(function.name == "device 8086:10d3")
    }

    @Test func sortsFunctionsAndTellsBridges() throws {
        let host = try HostFixture()
        try host.add(.pci(6))
        try host.add(.pci(1), class: 0x06_0400, config: HostFixture.config(headerType: 0x81))
        try host.add(.pci(4))
        let functions = try HostPCI(tree: host.tree).functions()
        #expect(functions.map(\.address) == [.pci(1), .pci(4), .pci(6)])
        #expect(functions.map(\.isBridge) == [true, false, false])
    }

    @Test func withoutNameFileNamesAreNumbers() throws {
        let host = try HostFixture()
        try host.add(.pci(4))
        let inventory = try HostPCI(tree: host.tree, nameFiles: ["/nonexistent/pci.ids"])
        let function = try #require(try inventory.function(at: .pci(4), named: true))
        #expect(function.names == .init())
        #expect(function.className == "class 0200")
    }

    @Test func findsNamesInTheFile() throws {
        let host = try HostFixture()
        try host.add(.pci(4))
        try host.tree.create(
            "run/pci.ids", "8086  Some Maker\n\t10d3  Some Card\nC 02  Network\n\t00  Ethernet thing\n")
        let inventory = try HostPCI(tree: host.tree, nameFiles: [FilePath(host.tree.path("run/pci.ids"))])
        let function = try #require(try inventory.function(at: .pci(4), named: true))
        #expect(function.name == "Some Maker Some Card")
        #expect(function.className == "Ethernet thing")
    }

    /// libpci reports these through a callback that must not return and by default ends the process.
    @Test func errorsOfLibpciAreThrown() throws {
        let nowhere = #expect(throws: HostPCI.Unreadable.self) {
            _ = try HostPCI(tree: HostFilesystem(root: "/nonexistent"))
        }
        #expect(
            nowhere?.description
                == "the host's PCI functions can't be listed: Cannot open /nonexistent/sys/bus/pci/devices")

        let odd = try HostFixture()
        try odd.tree.create("sys/bus/pci/devices/odd/config", "")
        let name = #expect(throws: HostPCI.Unreadable.self) { _ = try HostPCI(tree: odd.tree) }
        #expect(name?.reason.contains("odd") == true)

        let broken = try HostFixture()
        try broken.add(.pci(4))
        try broken.tree.write("nonsense\n", to: "\(HostFilesystem.folder(.pci(4)))/resource")
        let resource = #expect(throws: HostPCI.Unreadable.self) { _ = try HostPCI(tree: broken.tree).functions() }
        #expect(resource?.reason.contains("resource") == true)

        // A broken name file costs names, nothing else; and after an error libpci goes on working in this thread.
        try broken.tree.create("run/pci.ids", "\t\t\tgarbage\n")
        let sound = try HostFixture()
        try sound.add(.pci(4))
        let inventory = try HostPCI(tree: sound.tree, nameFiles: [FilePath(broken.tree.path("run/pci.ids"))])
        #expect(try inventory.function(at: .pci(4), named: true)?.names == .init())
        #expect(try inventory.functions().count == 1)
    }

    @Test func aFunctionThatWentAwayIsLeftOut() throws {
        let host = try HostFixture()
        try host.add(.pci(4))
        try host.add(.pci(5))
        let inventory = try HostPCI(tree: host.tree)
        try host.tree.remove("sys/bus/pci/devices/\(PCIAddress.pci(5))")
        #expect(try inventory.functions().map(\.address) == [.pci(4)])
        #expect(try inventory.function(at: .pci(5)) == nil)
    }

    @Test func manyInventoriesAtOnce() async throws {
        let host = try HostFixture()
        for device: UInt8 in 0..<32 { try host.add(.pci(device)) }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    _ = try? HostPCI(tree: HostFilesystem(root: "/nonexistent"))
                    return try HostPCI(tree: host.tree).functions().count
                }
            }
            for try await count in group { #expect(count == 32) }
        }
    }

    @Test(.enabled(if: HostFilesystem().exists("sys/bus/pci/devices"), "the host lacks PCI"))
    func thisHostsFunctionsAgreeWithSysfs() throws {
        let functions = try HostPCI().functions(named: true)
        #expect(functions.map { "\($0.address)" } == HostFilesystem().names(in: "sys/bus/pci/devices"))
        for function in functions {
            #expect(function.driver == HostFilesystem().driver(of: function.address))
            #expect(function.iommuGroup == HostFilesystem().iommuGroup(of: function.address))
        }
    }
}
