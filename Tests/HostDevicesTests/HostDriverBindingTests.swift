import PCI
import Testing
import TestSupport

@testable import HostDevices

@Suite struct HostDriverBindingTests {
    private func error(_ body: () throws(DriverBindingError) -> Void) -> DriverBindingError? {
        do throws(DriverBindingError) {
            try body()
            return nil
        } catch { return error }
    }

    private func override(_ host: HostFixture, _ address: PCIAddress) throws -> String {
        try host.tree.text("\(HostFilesystem.folder(address))/driver_override")
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
        try host.tree.write("e1000e", to: "\(HostFilesystem.folder(.pci(4)))/driver_override")
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
        #expect(
            error { () throws(DriverBindingError) in try binding.bind([.pci(4), .pci(1)], to: .vfioPCI) }
                == .isBridge(.pci(1)))
        #expect(
            error { () throws(DriverBindingError) in try binding.bind([.pci(4), .pci(9)], to: .vfioPCI) }
                == .notFound(.pci(9)))
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
        try host.tree.write("vfio-pci", to: "\(HostFilesystem.folder(.pci(4)))/driver_override")
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
            error { () throws(DriverBindingError) in try binding.bind([.pci(4)], to: .vfioPCI) }
                == .isInUse(.pci(4), .interfaceUp("eth7")))
        try binding.bind([.pci(4)], to: .vfioPCI, force: true)
        #expect(host.tree.driver(of: .pci(4)) == "vfio-pci")
    }

    @Test func hostAndISABridgesStayUnlessForced() throws {
        let host = try HostFixture()
        try host.add(.pci(0), class: 0x06_0000)
        try host.add(.pci(1), class: 0x06_0100, driver: "lpc_ich")
        try host.add(.pci(2), class: 0x06_8000)
        let binding = DriverBinding(tree: host.tree)
        for number in 0...1 as ClosedRange<UInt8> {
            #expect(
                error { () throws(DriverBindingError) in try binding.bind([.pci(number)], to: .vfioPCI) }
                    == .isPartOfHost(.pci(number)))
            #expect(
                DeviceReadiness(tree: host.tree).checks(.pci(number))[1].outcome == .failed(.isBridge(.pci(number))))
        }
        try binding.bind([.pci(2)], to: .vfioPCI)
        try binding.bind([.pci(0)], to: .vfioPCI, force: true)
        #expect(host.tree.driver(of: .pci(0)) == "vfio-pci")
        #expect(DeviceReadiness(tree: host.tree).checks(.pci(0))[1].outcome.isPassed)
        try binding.release([.pci(0)])
        #expect(host.tree.driver(of: .pci(0)) == nil)
    }

    @Test func theDefaultRoutesDeviceStays() throws {
        let host = try HostFixture()
        for number in 4...6 as ClosedRange<UInt8> { try host.add(.pci(number), driver: "e1000e", group: Int(number)) }
        func interface(_ number: UInt8) -> String {
            "sys/devices/pci0000:00/\(PCIAddress.pci(number))/net/eth\(number)"
        }
        for number in 4...6 as ClosedRange<UInt8> { try host.tree.create("\(interface(number))/flags", "0x1003\n") }
        // eth5 is a port of br0, which has the route; eth6 has one of IPv6.
        try host.tree.create("sys/class/net/br0/flags", "0x1003\n")
        try host.link("\(interface(5))/master", "../../../../../class/net/br0")
        try host.tree.create(
            "proc/net/route",
            "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\n"
                + """
                eth4\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\n\
                br0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\n
                """
        )
        let (zero, one) = (String(repeating: "0", count: 32), "fe80" + String(repeating: "0", count: 27) + "1")
        try host.tree.create(
            "proc/net/ipv6_route", "\(zero) 00 \(zero) 00 \(one) 00000400 00000001 00000000 00000003     eth6\n")
        let binding = DriverBinding(tree: host.tree)
        let expected: [UInt8: DeviceUse] = [
            4: .interfaceUp("eth4"), 5: .defaultRoute("eth5"), 6: .defaultRoute("eth6"),
        ]
        for (number, use) in expected {
            #expect(
                error { () throws(DriverBindingError) in try binding.bind([.pci(number)], to: .vfioPCI) }
                    == .isInUse(.pci(number), use))
        }
        #expect(
            DriverBindingError.isInUse(.pci(5), .defaultRoute("eth5")).description.contains(
                "the host's default route goes by its network interface eth5"))
    }

    /// The root file system on a logical volume on a RAID on a partition, named by a path that is nowhere; and swap on
    /// another disk.
    @Test func disksUnderLVMAndRAIDStay() throws {
        let host = try HostFixture()
        let folder = "sys/devices/pci0000:00"
        for number in 4...6 as ClosedRange<UInt8> { try host.add(.pci(number), driver: "ahci", group: Int(number)) }
        func disk(_ number: UInt8, _ name: String) -> String {
            "\(folder)/\(PCIAddress.pci(number))/ata1/host0/target0:0:0/0:0:0:0/block/\(name)"
        }
        try host.tree.create("\(disk(4, "sda"))/sda2/holders/md0", "")
        try host.tree.create("sys/class/block/md0/holders/dm-0", "")
        try host.tree.create("sys/class/block/dm-0/dev", "254:0\n")
        try host.tree.create("\(disk(5, "sdb"))/sdb1/holders/dm-1", "")
        try host.tree.create("sys/class/block/dm-1/dm/name", "vg-swap\n")
        try host.tree.create("\(disk(6, "sdc"))/sdc1/size", "1\n")
        try host.tree.create(
            "proc/self/mountinfo",
            "21 1 0:20 / /proc rw - proc proc rw\n22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw\n")
        try host.tree.create(
            "proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/dev/mapper/vg-swap partition 1 0 -2\n")
        let binding = DriverBinding(tree: host.tree)
        let expected: [UInt8: DeviceUse] = [
            4: .mounted(device: "/dev/root", at: "/"), 5: .mounted(device: "/dev/mapper/vg-swap", at: "swap"),
        ]
        for (number, use) in expected {
            #expect(
                error { () throws(DriverBindingError) in try binding.bind([.pci(number)], to: .vfioPCI) }
                    == .isInUse(.pci(number), use))
        }
        try binding.bind([.pci(6)], to: .vfioPCI)
        #expect(host.tree.driver(of: .pci(6)) == "vfio-pci")
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
        #expect(
            error?.description
                == "0000:00:04.0 is in use: process 4711 (a-vmm) has it open; end process 4711, or use --force")
        #expect(host.tree.driver(of: .pci(4)) == "vfio-pci")
    }
}
