import Scripting

/// A suggestion for an unknown option.
enum NearOption {
    /// - Parameters:
    ///   - name: without its dashes.
    ///   - known: with their dashes.
    static func option(_ name: String, among known: [String]) -> String? {
        let plain = known.map { String($0.dropFirst(2)) }
        let wanted = name.lowercased()
        let slip = NearMiss.word(wanted, among: plain)
        // A prefix that is long enough to be meaningful, such as --mem.
        let beginning =
            wanted.utf8.count >= 3
            ? plain.first { $0.hasPrefix(wanted) || wanted.hasPrefix($0) && $0.utf8.count >= 3 } : nil
        return (slip ?? beginning).map { "--\($0)" }
    }
}

/// QEMU's options, which users may type by habit.
enum QEMUOption {
    /// Returns the option's equivalent in `swiftlet run`; nil for one that is not among the common ones.
    static func inOurWords(_ name: String) -> String? {
        switch name {
        case "smp": "the number of vCPUs is --cpus"
        case "kernel": "the kernel is named without an option"
        case "bios", "pflash": "firmware is named with --firmware"
        case "hda", "hdb", "fda", "drive", "cdrom":
            "a disk or CD image that boots is named in the kernel's place, with --format disk where it isn't recognised"
        case "nographic": "leave it out: the console is standard output anyway"
        case "serial": "the console is chosen with --console stdio, none or file:PATH"
        case "display", "vga": "leave it out: there is no screen"
        case "no-reboot": "leave it out: a reset ends the run unless --on-reset reboot is given"
        case "enable-kvm", "accel", "machine", "M": "leave it out: there is one machine, and KVM runs it"
        case "mem-path", "mem-prealloc": "huge pages are taken with --hugepages"
        case "debugcon":
            """
            firmware's messages are shown with --debug-console console, what comes by port 0xe9 with \
            --debug-console e9
            """
        default: nil
        }
    }
}
