import KVM
import LinuxSystem
import Testing

struct KVMErrorTests {
    /// The sentences that say which call failed are those of `SystemCallError`.
    @Test func eachErrorHasItsSentence() {
        let call = SystemCallError(call: "KVM_RUN", object: "vCPU 3", errno: .badAddress)
        let sentences: [(KVMError, String)] = [
            (
                .unavailable("/dev/kvm"),
                """
                /dev/kvm is not there: load the module (modprobe kvm_intel or kvm_amd), enable virtualization in the \
                firmware, or, inside a virtual machine, ask its host for nested virtualization
                """
            ),
            (
                .noPermission("/dev/kvm"),
                """
                /dev/kvm may not be opened by this user: add the user to the group that owns it (usermod -aG kvm NAME, \
                then log in again)
                """
            ),
            (
                .version(11),
                "this host's KVM speaks interface version 11, swiftlet speaks 12: run a kernel from 2.6.22 on"
            ),
            (
                .noRoute(limit: 4096),
                """
                all 4096 routes for messages are taken: pass fewer devices or vectors, or, with VFIO, deliver by \
                msi=signal
                """
            ),
            (.call(call), "KVM_RUN on vCPU 3: Bad address"),
        ]
        for (error, sentence) in sentences { #expect("\(error)" == sentence) }
    }
}
