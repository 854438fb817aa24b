import KVM
import Testing
import VMM

@testable import swiftlet

/// Statuses of failures that can't be brought about on a machine that has what it takes.
struct ExitStatusTests {
    @Test("a host without KVM gives no verdict about the guest")
    func missingKVM() {
        #expect(ExitStatus.of(MachineError.kvm(.unavailable("/dev/kvm"))) == 125)
    }

    @Test func aForbiddenKVMIsAMatterOfPermission() {
        #expect(ExitStatus.of(KVMError.noPermission("/dev/kvm")) == 77)
    }
}
