import ArgumentParser
import Glibc
import KVM
import LinuxSystem

/// Keeps one empty virtual machine for as long as the lab's host is up. The lab starts it; it is of no use elsewhere.
///
/// A host's first and last virtual machine make its kernel patch the scheduler's code (the static key
/// `preempt_notifier_key`). QEMU before 8.1 may keep a stale translation of code that another CPU patches, and the
/// lab's host then hangs: seen about once in 500 starts and ends of a lone machine, never while another one was there.
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
