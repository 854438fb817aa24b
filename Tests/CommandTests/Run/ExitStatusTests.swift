import KVM
import Testing
import VMM

@testable import swiftlet

/// Statuses of failures that can't be brought about on a machine that has what it takes.
struct ExitStatusTests {
    @Test("a host without KVM gives no verdict about the guest")
    func missingKVM() {
        let error = MachineError.kvm(.unavailable("/dev/kvm"))
        #expect(ExitStatus.of(error) == 125)
        #expect("\(error)".hasPrefix("/dev/kvm is not there: load the module"))
    }

    @Test func aForbiddenKVMIsAMatterOfPermission() {
        #expect(ExitStatus.of(KVMError.noPermission("/dev/kvm")) == 77)
    }
}
