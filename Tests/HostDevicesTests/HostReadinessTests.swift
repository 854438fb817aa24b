import PCI
import Testing
import TestSupport

@testable import HostDevices

@Suite struct HostReadinessTests {
    private let unlimited = LockedMemoryLimit(bytes: nil)

    /// A host on which 04.0 is ready.
    private func readyHost() throws -> HostFixture {
        let host = try HostFixture()
        try host.add(.pci(4), driver: "vfio-pci", group: 3)
        for node in ["vfio", "3"] { try host.tree.create("dev/vfio/\(node)", "") }
        return host
    }

    private func reason(
        _ host: HostFixture, _ address: PCIAddress = .pci(4), limit: LockedMemoryLimit? = nil, memory: UInt64 = 0
    )
        -> DeviceNotReady?
    {
        do throws(DeviceNotReady) {
            try DeviceReadiness.check(address, guestMemory: memory, tree: host.tree, lockedMemory: limit ?? unlimited)
            return nil
        } catch { return error }
    }

    @Test func readyIsReady() throws {
        let host = try readyHost()
        #expect(try DeviceReadiness.check(.pci(4), guestMemory: 1 << 40, tree: host.tree, lockedMemory: unlimited) == 3)
    }

    @Test func namesFunctionsThatMayHaveBeenMeant() throws {
        let host = try readyHost()
        try host.add(.pci(4, 1), class: 0x0c_0300)
        try host.add(.pci(9), class: 0x01_0600)
        guard case .notFound(let address, let candidates) = reason(host, .pci(4, 5)) else {
            Issue.record("a function that does not exist passed")
            return
        }
        #expect(address == .pci(4, 5))
        #expect(candidates.map(\.address) == [.pci(4), .pci(4, 1)])
        // Nothing on this slot: NICs are what people pass.
        #expect(reason(host, .pci(7))?.fix.contains("did you mean 0000:00:04.0 (") == true)
    }

    @Test func refusesBridges() throws {
        let host = try readyHost()
        try host.add(.pci(1), class: 0x06_0400, driver: "pcieport", group: 1, config: HostFixture.config(headerType: 1))
        #expect(reason(host, .pci(1)) == .isBridge(.pci(1)))
    }

    @Test func namesTheHostsDriverAndTheCommand() throws {
        let host = try HostFixture()
        try host.add(.pci(4), driver: "e1000e", group: 3)
        let error = try #require(reason(host))
        #expect(error == .isNotBound(.pci(4), driver: "e1000e"))
        #expect("\(error)" == "0000:00:04.0 is bound to the host driver e1000e; swiftlet devices bind 0000:00:04.0")
        #expect(
            error.rawCommands == [
                "echo vfio-pci > /sys/bus/pci/devices/0000:00:04.0/driver_override",
                "echo 0000:00:04.0 > /sys/bus/pci/devices/0000:00:04.0/driver/unbind",
                "echo 0000:00:04.0 > /sys/bus/pci/drivers_probe",
            ])
        let unbound = try HostFixture()
        try unbound.add(.pci(4), group: 3)
        #expect(reason(unbound) == .isNotBound(.pci(4), driver: nil))
        #expect(reason(unbound)?.rawCommands.count == 2)
    }

    @Test func namesTheCulpritOfTheGroup() throws {
        let host = try readyHost()
        try host.add(.pci(4, 1), driver: "ahci", group: 3)
        try host.add(.pci(4, 2), group: 3)
        try host.add(.pci(4, 3), driver: "pci-stub", group: 3)
        try host.add(.pci(1), class: 0x06_0400, driver: "pcieport", group: 3, config: HostFixture.config(headerType: 1))
        let error = try #require(reason(host))
        #expect(
            "\(error)"
                == """
                0000:00:04.0 shares IOMMU group 3 with 0000:00:04.1, which is bound to the host driver ahci; \
                swiftlet devices bind 0000:00:04.1
                """
        )
        #expect(error.rawCommands.contains("echo 0000:00:04.1 > /sys/bus/pci/devices/0000:00:04.1/driver/unbind"))
        guard case .notViable(let culprits)? = IOMMUGroup(of: .pci(4), tree: host.tree)?.viability else {
            Issue.record("the group counts as viable")
            return
        }
        #expect(culprits.map(\.address) == [.pci(4, 1)])
    }

    @Test func aVariantOfTheDriverCounts() throws {
        let host = try HostFixture(drivers: ["vfio-pci", "mlx5_vfio_pci", "other"])
        try host.add(.pci(4), driver: "mlx5_vfio_pci", group: 3)
        try host.add(.pci(4, 1), driver: "other", group: 3)
        try host.tree.create("\(HostFilesystem.folder(.pci(4, 1)))/vfio-dev/vfio0/dev", "")
        for node in ["vfio", "3"] { try host.tree.create("dev/vfio/\(node)", "") }
        #expect(reason(host) == nil)
    }

    @Test(arguments: [
        ("sys/class/iommu/dmar0", "", DeviceNotReady.MissingIOMMU.notCovered),
        ("sys/firmware/acpi/tables/DMAR", "", .kernelParameter("intel_iommu=on")),
        ("sys/firmware/acpi/tables/IVRS", "", .kernelParameter("amd_iommu=on")),
        ("proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: fpu vmx\n", .firmware(setting: "Intel VT-d")),
        ("proc/cpuinfo", "vendor_id\t: AuthenticAMD\nflags\t\t: fpu svm\n", .firmware(setting: "AMD-Vi (IOMMU)")),
        ("proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: fpu hypervisor\n", .virtualMachine),
    ])
    func saysHowToSwitchTheIOMMUOn(_ file: String, _ text: String, _ cause: DeviceNotReady.MissingIOMMU) throws {
        let host = try HostFixture()
        try host.add(.pci(4), driver: "e1000e")
        try host.tree.create(file, text)
        #expect(reason(host) == .hasNoIOMMUGroup(.pci(4), cause: cause))
    }

    @Test func namesMissingNodes() throws {
        let host = try readyHost()
        try host.tree.remove("dev/vfio/3")
        #expect(reason(host) == .nodeIsMissing(path: "/dev/vfio/3", hasDeviceNodes: false))
        try host.tree.remove("dev/vfio/vfio")
        #expect("\(try #require(reason(host)))" == "/dev/vfio/vfio is missing; modprobe vfio-pci")
    }

    @Test func comparesTheGuestsMemoryWithTheLimit() throws {
        let host = try readyHost()
        let limit = LockedMemoryLimit(bytes: 8 << 20)
        #expect(reason(host, limit: limit, memory: 8 << 20) == nil)
        let error = try #require(reason(host, limit: limit, memory: 128 << 20))
        #expect(error == .lockedMemoryIsLimited(needed: 128 << 20, limit: 8 << 20))
        #expect(error.fix.hasPrefix("ulimit -l 131072 "))
    }

    @Test func readsTheLimitUnlessExempt() throws {
        let host = try HostFixture()
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n"
        try host.tree.create(
            "proc/self/limits", limits + "Max locked memory         8388608              16777216             bytes\n")
        try host.tree.create("proc/self/status", "Name:\tx\nCapEff:\t0000000000000000\n")
        #expect(try LockedMemoryLimit.current(tree: host.tree) == .init(bytes: 8 << 20))
        try host.tree.create("proc/self/status", "Name:\tx\nCapEff:\t0000000000004000\n")
        #expect(try LockedMemoryLimit.current(tree: host.tree) == unlimited)
        try host.tree.create("proc/self/status", "Name:\tx\n")
        try host.tree.create(
            "proc/self/limits", limits + "Max locked memory         unlimited            unlimited            bytes\n")
        #expect(try LockedMemoryLimit.current(tree: host.tree) == unlimited)
    }

    @Test func everyCheckIsListedWhateverFails() throws {
        let host = try HostFixture()
        let checks = DeviceReadiness(tree: host.tree, lockedMemory: unlimited).checks(.pci(4))
        #expect(
            checks.map(\.title) == [
                "presence", "kind", "IOMMU", "driver", "companions", "VFIO", "access", "locked memory",
            ])
        #expect(checks.filter { $0.outcome == .notReached }.count == 5)
    }
}
