import Bytes
import Glibc

/// Two reports of one command that would mix in one file, pipe or device: runs and suites refuse them by the same rule.
///
/// Of files by several names `FileUse` knows.
enum ReportClash {
    /// - Returns: a sentence about the first two of these paths; nil where there are none. /dev/null takes any number.
    static func sentence(_ paths: [String]) -> String? {
        guard paths.count > 1 else { return nil }
        var seen: Set<String> = []
        return paths.first { path in place(path).map { !seen.insert($0).inserted } ?? false }.map { "two reports can't go to one file: \($0)" }
    }

    /// What is the same for two paths of one pipe or device; nil for what keeps nothing.
    private static func place(_ path: String) -> String? {
        var status = stat()
        guard ByteText.withCString(path, { stat($0, &status) }) == 0 else { return path }
        // Documentation/admin-guide/devices.txt: 1, 3 = null.
        if status.st_mode & S_IFMT == S_IFCHR, status.st_rdev == 1 << 8 | 3 { return nil }
        let isStream = status.st_mode & S_IFMT != S_IFREG || path.hasPrefix("/dev/") || path.hasPrefix("/proc/")
        return isStream ? "\(status.st_dev):\(status.st_ino)" : path
    }
}
