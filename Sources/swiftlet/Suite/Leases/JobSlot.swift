import Glibc
import LinuxSystem

/// A run's place among its suite's jobs, which it gives back when its guest is over.
///
/// The kernel then still takes the machine apart: some 20 ms in which it waits for other processors and nobody
/// computes, far longer than a short boot. A suite with several jobs starts its next test meanwhile. What became of the
/// test it learns from the process's end, as ever.
enum JobSlot {
    /// Names the descriptor, an eventfd, to a run that a suite starts.
    static let variable = "SWIFTLET_JOB_SLOT"
    /// The descriptor's number in the run's process.
    static let descriptor: Int32 = 3

    /// Gives the place back, in a run that a suite started; does nothing in another.
    static func giveBack() {
        guard let text = getenv(variable), let number = Int32(String(cString: text)), number > 2, isEvent(number) else {
            return
        }
        var one: UInt64 = 1
        _ = write(number, &one, 8)
    }

    /// Whether the number is an eventfd's, and not that of a file which somebody's environment names by accident.
    private static func isEvent(_ number: Int32) -> Bool {
        let name = "anon_inode:[eventfd]"
        var link = [CChar](repeating: 0, count: 64)
        let count = readlink("/proc/self/fd/\(number)", &link, link.count)
        return count == name.utf8.count && link.prefix(count).elementsEqual(name.utf8.map { CChar(bitPattern: $0) })
    }
}
