import Glibc
import KVM
import LinuxSystem
import PCI
import TestSupport
import Testing
import VMM

@testable import Assignment
@testable import VFIO
@testable import VMM

/// Each call to VFIO that a guest brings about is refused once, with each errno that a host may give: the run ends
/// where docs/config-space.md says so and goes on in all other cases, and then nothing of the refusal is left when the
/// guest asks for the same again.
@Suite struct RefusedCallTests {
    private struct Machine {
        let vfio: VFIODouble
        let function: AssignedFunction<VFIOBackend>
        let failures = AssignedFixture.Failures()

        init(_ delivery: MessageDelivery) throws {
            let kvm = KernelDouble(asksKernel: false)
            kvm.answer("KVM_SIGNAL_MSI", 1)
            kvm.answer("KVM_CHECK_EXTENSION", 4096)
            let vm = virtualMachine(on: kvm)
            let failures = failures
            vfio = try VFIODouble(AssignedFixture.hardware)
            let backend = try VFIOBackend(vfio.device(), vm: vm, delivery: delivery, routes: MessageRoutes(vm: vm)) {
                failures.add($0)
            }
            function = try AssignedFunction(
                backend, line: { pin throws(SystemCallError) in try InterruptLine(gsi: 15 + UInt32(pin), vm: vm) },
                onFailure: { failures.add($0) })
        }

        private func config(_ offset: Int, _ value: UInt32) { function.writeConfig(offset, value, width: 2) {} }

        /// A guest that uses all there is, and ends with two vectors of MSI-X.
        func exercise() {
            config(4, 0x0006)
            for vector in 0..<2 as Range<UInt64> {
                let entry = AssignedFixture.table + 16 * vector
                function.writeBAR(0, offset: entry, 0xFEE0_0000, width: 4)
                function.writeBAR(0, offset: entry + 8, 0x40 + vector, width: 4)
                function.writeBAR(0, offset: entry + 12, 0, width: 4)
            }
            config(AssignedFixture.msix + 2, 0x8000)
            function.writeBAR(0, offset: AssignedFixture.table + 12, 1, width: 4)
            function.writeBAR(0, offset: AssignedFixture.table + 12, 0, width: 4)
            config(4, 0x0406)
            config(AssignedFixture.msix + 2, 0)
            config(4, 0x0006)
            function.writeConfig(AssignedFixture.msi + 4, 0xFEE0_0000, width: 4) {}
            config(AssignedFixture.msi + 12, 0x50)
            config(AssignedFixture.msi + 2, 0x0011)
            config(AssignedFixture.msi + 2, 0)
            config(AssignedFixture.power + 4, 3)
            config(AssignedFixture.power + 4, 0)
            _ = function.readConfig(6, width: 2)
            _ = function.readBAR(0, offset: 0x100, width: 4)
            function.writeBAR(0, offset: 0x100, 0x5A, width: 4)
            config(4, 0x0002)
            config(4, 0x0006)
            config(AssignedFixture.msix + 2, 0x8000)
        }
    }

    private static let hosts = [ENODEV, ENXIO, ENOMEM, ENFILE, EPERM, EACCES, EBADF, ENOTTY]
    private static let guests = [EIO, EINVAL, EBUSY, EAGAIN, ENOSPC, EFAULT, EMFILE, EOPNOTSUPP, EINTR]

    @Test(arguments: hosts + guests, [MessageDelivery.signal, .irqfd]) func eachOnce(
        errno: Int32, delivery: MessageDelivery
    ) throws {
        let whole = try Machine(delivery)
        whole.vfio.refuse(at: nil, 0)
        whole.exercise()
        let count = whole.vfio.injected.made
        #expect(
            whole.failures.all.isEmpty,
            "\(whole.failures.all) \(whole.function.refusals)")
        #expect(
            whole.function.refusals.isEmpty,
            "\(whole.failures.all) \(whole.function.refusals)")
        #expect(count >= 24, "\(count) calls")
        #expect(whole.vfio.enabled == .msix)

        for place in 0..<count {
            let machine = try Machine(delivery)
            machine.vfio.refuse(at: place, errno)
            machine.exercise()
            let call = try #require(machine.vfio.injected.refused)
            let word = "\(SystemCallError(call: "", errno: .init(rawValue: errno)).errno)"
            let isLine = call.hasSuffix("of index 0")
            let name = String(call.prefix { $0 != " " })
            if Self.hosts.contains(errno) || isLine && [EBUSY, EIO].contains(errno) {
                let failure = machine.failures.all.first ?? ""
                #expect(
                    failure.contains(name),
                    "call \(place), \(call): \(word): \(machine.failures.all)")
                #expect(
                    failure.contains(word),
                    "call \(place), \(call): \(word): \(machine.failures.all)")
                continue
            }
            #expect(machine.failures.all.isEmpty, "call \(place), \(call): \(word)")
            // An interrupted call is made again.
            if errno != EINTR {
                let refused = machine.function.refusals.first
                #expect(
                    refused?.call == name,
                    "call \(place), \(call): \(word): \(machine.function.refusals)")
                #expect(
                    refused?.reason == word,
                    "call \(place), \(call): \(word): \(machine.function.refusals)")
            }
            let before = machine.function.refusals
            machine.exercise()
            #expect(
                machine.function.refusals == before,
                "call \(place), \(call): \(machine.function.refusals)")
            #expect(
                machine.failures.all.isEmpty,
                "call \(place), \(call): \(machine.function.refusals)")
            #expect(machine.vfio.enabled == .msix, "call \(place), \(call): \(word)")
            #expect(
                machine.function.decodedBARs().map(\.bar.index) == [0, 2],
                "call \(place), \(call): \(word), COMMAND \(machine.function.readConfig(4, width: 2))")
        }
    }
}
