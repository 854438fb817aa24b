import Foundation

/// The lab in which kernels as their makers ship them are the guests: Xen with a Linux as its first domain, GNU Mach,
/// and Linux where it resets through the BIOS.
enum KernelsLab {
    /// What tools/kernels fetched, or the host has installed.
    static let xen = newest("xen-", ".gz")
    static let mach = newest("gnumach-", ".gz")

    /// Whether there is a kernel with the initrd that Debian's initramfs-tools made for it.
    static let hasDebianInitrd =
        (try? FileManager.default.contentsOfDirectory(atPath: "/boot"))?.contains { $0.hasPrefix("initrd.img-") }
        == true

    private static func newest(_ start: String, _ end: String) -> String? {
        for directory in [Package.root.appending(path: ".build/kernels/boot").path, "/boot"] {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
            if let name = names.filter({ $0.hasPrefix(start) && $0.hasSuffix(end) }).max() {
                return "\(directory)/\(name)"
            }
        }
        return nil
    }

    static let session = LabSession(
        "kernels", devices: [], timeout: "1500s",
        script: """
            kernel=/boot/vmlinuz-$(uname -r)
            "$(dirname "$guests")/../tools/linux-initrd" "$out/initrd" "$(uname -r)" e1000

            # boots NAME FILE OPTION...
            boots() {
                local name=$1 file=$2
                shift 2
                record "$name" "$swiftlet" run "$file" --fail-on none --timeout "${limit:-300s}" \\
                    --report "json:$out/$name.json" "$@"
            }

            boots keeps "$guests/keeps.elf" --memory 16M
            # QEMU before 9.1 takes IRET for the kernel's even where a program makes it, as a kernel under Xen does, and
            # SMAP then refuses its stack.
            [ -z '\(xen ?? "")' ] || limit=600s boots xen '\(xen ?? "")' --cpu host,-smap --memory 512M \\
                --append "console=com1 com1=115200,8n1" \\
                --module "$kernel console=hvc0 quiet linux.modules= linux.end=poweroff" --module "$out/initrd"
            # Its own init, stopped at a shell before it looks for a disk.
            [ -z '\(xen ?? "")' ] || [ ! -e "/boot/initrd.img-$(uname -r)" ] \\
                || limit=600s boots xen-debian '\(xen ?? "")' --cpu host,-smap --memory 1G \\
                --append "console=com1 com1=115200,8n1" \\
                --module "$kernel console=hvc0 quiet break=top" --module "/boot/initrd.img-$(uname -r)" \\
                --send '\\(initramfs\\) $=cat /proc/cmdline; poweroff -f\\n'
            # It never ends by itself: the time limit's post-mortem says where it is.
            [ -z '\(mach ?? "")' ] || limit=40s boots mach '\(mach ?? "")' --append "console=com0" \\
                --module "$guests/task.elf first "'$(task-create) $(task-resume)' --module "$out/script second"

            linux() {
                local name=$1 append=$2
                shift 2
                boots "$name" "$kernel" --initrd "$out/initrd" \\
                    --append "console=ttyS0 quiet panic=-1 linux.modules= linux.end=reboot $append" "$@"
            }
            linux bios "reboot=b"
            linux efi "reboot=e"
            linux again "reboot=b linux.until=$(($(date +%s) + 30))" --on-reset reboot
            """)
}
