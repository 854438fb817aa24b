import Glibc
import LinuxSystem
import TestSupport
import Testing

@testable import swiftlet

/// What others put in the place of a lease's file.
struct LeaseFileTests {
    private let directory: TemporaryDirectory
    private var path: String { "\(directory.path)/lock" }

    init() throws { directory = try TemporaryDirectory() }

    /// Holds it until it is let go.
    private final class Held {
        let file: Descriptor
        init(_ file: consuming Descriptor) { self.file = file }
    }

    private func lock() throws -> Held? {
        switch try LeaseFile.lock(path) {
        case .locked(let file): return Held(file)
        case .busy: return nil
        case .absent: return nil
        }
    }

    private var singleVectorOnly: Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_nlink == 1
    }

    @Test func itIsHeldByOne() throws {
        var held = try lock()
        #expect(held != nil)
        #expect(singleVectorOnly)
        guard case .busy(let holder) = try LeaseFile.lock(path) else {
            Issue.record("held twice")
            return
        }
        #expect(holder == "this process")
        held = nil
        #expect(try lock() != nil)
        if case .absent = try LeaseFile.lock("/proc/none/lock") {} else { Issue.record("a lock in no directory") }
    }

    @Test(arguments: ["pipe", "link", "loop", "folder", "socket", "second name"])
    func whatIsNoFileOfALockIsNoneOfOurs(_ kind: String) throws {
        let victim = try directory.file("victim", Array("precious".utf8))
        switch kind {
        case "pipe": mkfifo(path, 0o666)
        case "link": symlink(victim, path)
        case "loop": symlink(path, path)
        case "folder": mkdir(path, 0o777)
        case "second name": link(victim, path)
        default:
            let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            defer { close(socket) }
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(100)) }
            let bound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            // A path too long for an address can't be planted either.
            guard bound == 0 else { return }
        }
        let start = MonotonicClock.now
        let held = try lock()
        #expect(held != nil)
        #expect(singleVectorOnly)
        #expect(MonotonicClock.now - start < 1_000_000_000)
        #expect(try readFile(victim) == Array("precious".utf8))
        let file = try Descriptor(opening: victim, flags: O_RDONLY)
        #expect(flock(file.raw, LOCK_EX | LOCK_NB) == 0, "somebody else's file is not locked")
    }

    /// Its owner could exchange it below a lock.
    @Test(.enabled(if: geteuid() == 0, "the host lacks root for this user"))
    func rootTakesAFileOfSomebodyElseOver() throws {
        _ = try directory.file("lock", [])
        #expect(chown(path, 1234, 1234) == 0)
        let other = try Descriptor(opening: path, flags: O_RDONLY)
        #expect(flock(other.raw, LOCK_EX | LOCK_NB) == 0)
        #expect(try lock() == nil, "a lock of another user's counts")
        #expect(flock(other.raw, LOCK_UN) == 0)
        let held = try lock()
        var status = stat()
        #expect(held != nil)
        #expect(lstat(path, &status) == 0)
        #expect(status.st_uid == 0)
        #expect(status.st_mode & 0o777 == 0o644)
        guard case .busy = try LeaseFile.lock(path) else {
            Issue.record("held twice")
            return
        }
    }
}
