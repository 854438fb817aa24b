import Glibc
import LinuxSystem

/// A run's place among its suite's jobs, which it releases when its guest has ended.
///
/// The kernel then still destroys the machine: some 20 ms in which it waits for other processors, far longer than a
/// short boot takes. A suite with several jobs starts its next test meanwhile. It learns the test's result from the
/// process's end, as usual.
enum JobSlot {
    /// The variable by which a suite passes the descriptor, an eventfd, to a run.
    static let variable = "SWIFTLET_JOB_SLOT"
    /// The descriptor's number in the run's process.
    static let descriptor: Int32 = 3

    /// Releases the place, in a run that a suite started; does nothing in another.
    static func giveBack() {
        guard let text = getenv(variable), let number = Int32(String(cString: text)), number > 2, isEvent(number) else {
            return
        }
        var one: UInt64 = 1
        _ = write(number, &one, 8)
    }

    /// Returns true for an eventfd, false for a file that an unrelated environment variable names by accident.
    private static func isEvent(_ number: Int32) -> Bool {
        let name = "anon_inode:[eventfd]"
        var link = [CChar](repeating: 0, count: 64)
        let count = readlink("/proc/self/fd/\(number)", &link, link.count)
        return count == name.utf8.count && link.prefix(count).elementsEqual(name.utf8.map { CChar(bitPattern: $0) })
    }
}
