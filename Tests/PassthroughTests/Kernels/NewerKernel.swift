import Foundation
import Testing

/// Debian's newest kernel, which `tools/debian-kernel` fetches: a 7.x, with guests of its own and as a guest.
enum NewerKernel {
    static let absence: Comment =
        "the host lacks Debian's newest kernel: tools/debian-kernel says why it can't be fetched"

    struct Files: Sendable {
        let kernel, modules: String
        var version: String { URL(filePath: modules).lastPathComponent }
    }

    private static let fetched = Task { () -> Files? in
        let process = Process()
        let output = Pipe()
        process.executableURL = Package.root.appending(path: "tools/debian-kernel")
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        try process.run()
        let lines = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self).split(
            separator: "\n"
        ).map(String.init)
        process.waitUntilExit()
        return process.terminationStatus == 0 && lines.count == 2 ? Files(kernel: lines[0], modules: lines[1]) : nil
    }

    /// nil where it can't be fetched.
    static var files: Files? { get async throws { try await fetched.value } }

    /// Script for the lab: `kernel` and an initramfs for it.
    private static let guest = """
        tools=$(dirname "$guests")/../tools
        set -- $("$tools/debian-kernel")
        kernel=$1
        "$tools/linux-initrd" "$out/initrd" "$2" e1000e nvme
        # linux NAME OPTION... One vCPU: this kernel patches busy code while it starts, of which QEMU before 8.1 keeps
        # stale translations on another.
        linux() {
            local name=$1
            shift
            record "$name" "$swiftlet" run "$kernel" --initrd "$out/initrd" \\
                --append "console=ttyS0 panic=-1 linux.show" \\
                --fail-on none --timeout 240s --memory 512M --report "json:$out/$name.json" "$@"
        }
        """
    private static let devices = ["--nic", "e1000e", "--pci", "nvme", "--bind", "--memory", "3G"]

    /// Under the kernel that this machine's release brings.
    static let asGuest = LabSession(
        "newer-guest", devices: devices, timeout: "600s",
        script: guest + "\nlinux guest --device 0000:00:04.0 --device 0000:00:05.0")

    static let asHost = LabSession(
        "newer-host", devices: devices, timeout: "900s",
        host: {
            guard let files = try await files else { return [] }
            return ["--kernel", files.kernel, "--modules", files.modules]
        },
        script: guest + #"""

            record release uname -r
            for delivery in signal irqfd; do
                run "nic-$delivery" nic "irq=msix" --device "0000:00:04.0,msi=$delivery"
                memory=128M run "nvme-$delivery" nvme "reads=1000 dma=outside" --device "0000:00:05.0,msi=$delivery"
            done
            run smp smp cpus=4 --cpus 4
            linux guest --device 0000:00:04.0 --device 0000:00:05.0
            """#)
}
