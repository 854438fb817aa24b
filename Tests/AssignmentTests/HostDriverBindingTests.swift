import PCI
import Testing

@testable import Assignment

@Suite struct HostDriverBindingTests {
    private func error(_ body: () throws(DriverBindingError) -> Void) -> DriverBindingError? {
        do throws(DriverBindingError) {
            try body()
            return nil
        } catch { return error }
    }

    private func override(_ host: HostFixture, _ address: PCIAddress) throws -> String {
        try host.tree.text("\(HostTree.folder(address))/driver_override")
    }

    @Test func bindsAndGivesBack() throws {
        let host = try HostFixture()
        try host.add(.pci(4), driver: "e1000e", group: 3)
        try host.add(.pci(5), group: 4)
        let binding = DriverBinding(tree: host.tree)
        #expect(try binding.bind([.pci(4), .pci(5), .pci(4)], to: .vfioPCI) == [.pci(4), .pci(5)])
        #expect(host.tree.driver(of: .pci(4)) == "vfio-pci")
        #expect(host.tree.driver(of: .pci(5)) == "vfio-pci")
        #expect(binding.bound == [.pci(4), .pci(5)])
        #expect(try binding.bind([.pci(4)], to: .vfioPCI) == [])
        try binding.release([.pci(4), .pci(5)])
        #expect(host.tree.driver(of: .pci(4)) == "e1000e")
        #expect(host.tree.driver(of: .pci(5)) == nil)
        #expect(try override(host, .pci(4)) == "")
        #expect(binding.bound == [])
    }

    @Test func remembersTheHostsDriverAcrossTwoHolders() throws {
        let host = try HostFixture()
        try host.add(.pci(4), driver: "e1000e", group: 3)
        let binding = DriverBinding(tree: host.tree)
        try binding.bind([.pci(4)], to: .pciStub)
        try binding.bind([.pci(4)], to: .vfioPCI)
        #expect(host.tree.driver(of: .pci(4)) == "vfio-pci")
        try binding.release([.pci(4)])
        #expect(host.tree.driver(of: .pci(4)) == "e1000e")
    }

    @Test func forgetsWhatIsOutOfDate() throws {
        let host = try HostFixture()
        try host.add(.pci(4), driver: "e1000e", group: 3)
        try host.tree.create("run/swiftlet/bindings/\(PCIAddress.pci(4))", "driver=ahci\noverride=\n")
        let binding = DriverBinding(tree: host.tree)
        try binding.bind([.pci(4)], to: .vfioPCI)
        try binding.release([.pci(4)])
        #expect(host.tree.driver(of: .pci(4)) == "e1000e")
    }

    @Test func putsEverythingBackAfterAnError() throws {
        let host = try HostFixture(refusing: [.pci(5): "vfio-pci"])
        try host.add(.pci(4), driver: "e1000e", group: 3)
        try host.add(.pci(5), driver: "ahci")
        try host.tree.write("e1000e", to: "\(HostTree.folder(.pci(4)))/driver_override")
        let binding = DriverBinding(tree: host.tree)
        let error = error { () throws(DriverBindingError) in try binding.bind([.pci(4), .pci(5)], to: .vfioPCI) }
        #expect(error == .wasNotTaken(.pci(5), by: "vfio-pci", has: nil, hasIOMMUGroup: false))
        #expect(host.tree.driver(of: .pci(4)) == "e1000e")
        #expect(host.tree.driver(of: .pci(5)) == "ahci")
        #expect(try override(host, .pci(4)) == "e1000e")
        #expect(binding.bound == [])
    }

    @Test func changesNothingWhereOneOfSeveralIsWrong() throws {
        let host = try HostFixture()
        try host.add(.pci(4), driver: "e1000e", group: 3)
        try host.add(.pci(1), class: 0x06_0400, config: HostFixture.config(headerType: 1))
        let binding = DriverBinding(tree: host.tree)
        #expect(error { () throws(DriverBindingError) in try binding.bind([.pci(4), .pci(1)], to: .vfioPCI) } == .isBridge(.pci(1)))
        #expect(error { () throws(DriverBindingError) in try binding.bind([.pci(4), .pci(9)], to: .vfioPCI) } == .notFound(.pci(9)))
        #expect(host.tree.driver(of: .pci(4)) == "e1000e")
    }

    @Test func namesTheModuleToLoad() throws {
        let host = try HostFixture(drivers: ["e1000e"])
        try host.add(.pci(4), driver: "e1000e", group: 3)
        let binding = DriverBinding(tree: host.tree)
        let error = error { () throws(DriverBindingError) in try binding.bind([.pci(4)], to: .vfioPCI) }
        #expect(error == .driverIsNotLoaded("vfio-pci"))
        #expect(error?.description == "the driver vfio-pci is not loaded; modprobe vfio-pci")
    }

    @Test func withoutMemoryTheKernelChooses() throws {
        let host = try HostFixture(defaults: [.pci(4): "e1000e"])
        try host.add(.pci(4), driver: "vfio-pci", group: 3)
        try host.add(.pci(5), driver: "ahci", group: 4)
        try host.tree.write("vfio-pci", to: "\(HostTree.folder(.pci(4)))/driver_override")
        try DriverBinding(tree: host.tree).release([.pci(4), .pci(5)])
        #expect(host.tree.driver(of: .pci(4)) == "e1000e")
        // What the host's driver has is left to it.
        #expect(host.tree.driver(of: .pci(5)) == "ahci")
    }

    @Test func leavesWhatTheHostUses() throws {
        let host = try HostFixture()
        try host.add(.pci(4), driver: "e1000e", group: 3)
        try host.add(.pci(5), driver: "ahci", group: 4)
        let folder = "sys/devices/pci0000:00"
        try host.tree.create("\(folder)/\(PCIAddress.pci(4))/net/eth7/flags", "0x1002\n")
        try host.tree.create("\(folder)/\(PCIAddress.pci(5))/ata1/host0/target0:0:0/0:0:0:0/block/sda/sda1/size", "1\n")
        try host.tree.create("proc/mounts", "proc /proc proc rw 0 0\n/dev/sda1 /home ext4 rw 0 0\n")
        let binding = DriverBinding(tree: host.tree)
        #expect(
            error { () throws(DriverBindingError) in try binding.bind([.pci(4), .pci(5)], to: .vfioPCI) }
                == .isInUse(.pci(5), .mounted(device: "/dev/sda1", at: "/home")))
        #expect(host.tree.driver(of: .pci(4)) == "e1000e")

        try host.tree.write("0x1003\n", to: "\(folder)/\(PCIAddress.pci(4))/net/eth7/flags")
        #expect(
            error { () throws(DriverBindingError) in try binding.bind([.pci(4)], to: .vfioPCI) } == .isInUse(.pci(4), .interfaceUp("eth7")))
        try binding.bind([.pci(4)], to: .vfioPCI, force: true)
        #expect(host.tree.driver(of: .pci(4)) == "vfio-pci")
    }

    @Test func doesNotTakeAFunctionFromAGuest() throws {
        let host = try HostFixture()
        try host.add(.pci(4), driver: "vfio-pci", group: 3)
        try host.tree.create("proc/4711/comm", "a-vmm\n")
        try host.tree.create("proc/4711/fd/.keep", "")
        try host.link("proc/4711/fd/9", "/dev/vfio/3")
        let use = DeviceUse.opened(process: 4711, name: "a-vmm")
        let error = error { () throws(DriverBindingError) in try DriverBinding(tree: host.tree).release([.pci(4)]) }
        #expect(error == .isInUse(.pci(4), use))
        #expect(error?.description == "0000:00:04.0 is in use: process 4711 (a-vmm) has it open; end process 4711, or use --force")
        #expect(host.tree.driver(of: .pci(4)) == "vfio-pci")
    }
}
