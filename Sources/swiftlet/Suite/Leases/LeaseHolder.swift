import Bytes
import Glibc
import LinuxSystem
import Scripting

/// The holder of a file's lock, as far as the kernel reports it: proc(5), /proc/locks.
enum LeaseHolder {
    /// Returns the text after "which ... has".
    static func words(device: dev_t, inode: ino_t) -> String {
        let text = (try? TextFile.read("/proc/locks")) ?? ""
        // Composes a device's number as makedev(3) does.
        let major = device >> 8 & 0xFFF | device >> 32 & 0xFFFF_F000
        let minor = device & 0xFF | device >> 12 & 0xFFFF_FF00
        let place = "\(major.hexadecimalDigits(2)):\(minor.hexadecimalDigits(2)):\(inode)"
        let lines = text.split(separator: "\n").map { $0.split(separator: " ") }.filter {
            $0.count >= 6 && $0[1] == "FLOCK"
        }
        // Some file systems (btrfs, overlayfs) have another device number there than in stat(2).
        let found = lines.first { $0[5] == place } ?? lines.first { $0[5].hasSuffix(":\(inode)") }
        guard let found, let process = pid_t(found[4]), process > 0 else {
            return "a process that can't be seen from here"
        }
        guard process != getpid() else { return "this process" }
        guard let line = try? TextFile.read("/proc/\(process)/cmdline"), !line.isEmpty else {
            return "a run whose suite, process \(process), has ended"
        }
        let words = line.split(separator: "\0").joined(separator: " ")
        return "process \(process) (\(VisibleText.line(String(words.prefix(80))))\(words.count > 80 ? "..." : ""))"
    }
}
