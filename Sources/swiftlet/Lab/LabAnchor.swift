import ArgumentParser
import Glibc
import KVM
import LinuxSystem

/// Keeps one empty virtual machine while the lab's host is up. Only the lab uses it.
///
/// The kernel of a host patches the scheduler's code for its first and last virtual machine (the static key
/// `preempt_notifier_key`). QEMU before 8.1 may keep a stale translation of code that another CPU patches, and the
/// lab's host then hangs: seen about once in 500 starts and ends of a single machine, never while another one existed.
struct LabAnchor: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lab-anchor", abstract: "Keep a virtual machine, for the lab's own use.", shouldDisplay: false)

    func run() throws {
        let machine = try Hypervisor().makeVirtualMachine()
        print("ready")
        fflush(nil)
        withExtendedLifetime(machine) {
            while true { pause() }
        }
    }
}
