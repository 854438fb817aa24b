import LinuxSystem
import TestSupport
import Testing

@testable import HostSystem
@testable import Lab

/// What QEMU is given to boot.
struct BootImageTests {
    @Test("The kernel inside the bzImage is cached", .enabled(if: Host.hasLab && Host.has("xz")))
    func extraction() throws {
        let directory = try Host.Directory()
        let kernel = try HostKernel.newest()
        let programs = HostPrograms(path: Host.path)
        let cache = "\(directory.path)/cache/swiftlet"
        let first = try BootImage(of: kernel.path, cache: cache, programs: programs)
        #expect(first.path.hasPrefix("\(cache)/vmlinux-"))
        #expect(HostFile.names(in: cache).count == 1)
        // The second time without the unpacker.
        let second = try BootImage(of: kernel.path, cache: cache, programs: HostPrograms(path: ""))
        #expect(second.path == first.path)
        // Without a cache and without the unpacker the bzImage serves, with advice.
        let third = try BootImage(of: kernel.path, cache: nil, programs: HostPrograms(path: ""))
        #expect(third.path == kernel.path)
        #expect(third.advice?.contains("apt-get install") == true)
        // Without a place to keep it, an unnamed file serves.
        let fourth = try BootImage(of: kernel.path, cache: "/proc/nowhere", programs: programs)
        #expect(fourth.path == "")
        #expect(fourth.descriptor >= 0)
    }

    @Test func whatIsNoKernelIsSaidSo() throws {
        let directory = try Host.Directory()
        try directory.write("kernel", String(repeating: "no kernel ", count: 1000))
        do throws(LabError) {
            _ = try BootImage(of: "\(directory.path)/kernel", cache: nil, programs: HostPrograms(path: Host.path))
            Issue.record("it is none")
        } catch {
            #expect("\(error)".contains("neither a bzImage nor an ELF kernel"))
        }
    }

    @Test func whatTheHostLacksHasTheLabsStatusAndWords() {
        let missing = LabError(HostSystemError.missing(what: "xz", package: "xz-utils"))
        #expect(missing.exitStatus == 69)
        #expect("\(missing)" == "xz is missing: apt-get install xz-utils")
        let absent = LabError(HostSystemError.absent("/boot/none"))
        #expect(absent.exitStatus == 64)
        #expect("\(absent)" == "--kernel or --modules: /boot/none does not exist")
    }
}
