import Bytes
public import Glibc

/// A child process. See posix_spawn(3).
public struct ChildProcess: Sendable {
    /// The end of a child.
    public enum Termination: Equatable, Sendable {
        /// It exited with this status, 0...255.
        case exited(Int32)
        /// This signal ended it.
        case signaled(Int32)
    }

    /// Its process id, valid until `wait` has returned.
    public let id: pid_t
    /// The path of its program, for error sentences.
    public let program: String

    /// Starts `program` in a process group of its own, so that a ^C at the terminal reaches only its parent. Its
    /// signals are unblocked and have their default actions. It inherits only the descriptors named; all others of ours
    /// are `O_CLOEXEC`.
    /// - Parameters:
    ///   - program: path of the executable; PATH isn't searched.
    ///   - arguments: those after the name of the program itself.
    ///   - environment: `NAME=VALUE` each.
    ///   - descriptors: the parent's descriptor for each of the child's, which are numbered from 0 on.
    /// - Throws: the errno of posix_spawn(3), such as `ENOENT`, `EACCES` and `ENOEXEC`.
    public init(
        _ program: String, arguments: [String], environment: [String], descriptors: [Int32]
    ) throws(SystemCallError) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }

        // Moved out of the way first: a descriptor with a number below the child's last would be overwritten, or keep
        // its O_CLOEXEC.
        var moved: [Int32] = []
        defer { for descriptor in moved { close(descriptor) } }
        for (number, descriptor) in descriptors.enumerated() {
            let high = fcntl(descriptor, F_DUPFD_CLOEXEC, Int32(descriptors.count))
            guard high >= 0 else { throw .last("fcntl", "descriptor \(descriptor) for \(program)") }
            moved.append(high)
            posix_spawn_file_actions_adddup2(&actions, high, Int32(number))
        }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

        let argumentVector = ([program] + arguments).map { ByteText.withCString($0) { strdup($0) } }
        let environmentVector = environment.map { ByteText.withCString($0) { strdup($0) } }
        defer { for string in argumentVector + environmentVector { free(string) } }
        var id = pid_t()
        let result = ByteText.withCString(program) { path in
            posix_spawn(&id, path, &actions, &attributes, argumentVector + [nil], environmentVector + [nil])
        }
        guard result == 0 else {
            throw SystemCallError(call: "posix_spawn", object: program, errno: .init(rawValue: result))
        }
        self.id = id
        self.program = program
    }

    /// Sends a signal. Harmless if the child has ended and `wait` was not called yet.
    public func signal(_ number: Int32) {
        kill(id, number)
    }

    /// Waits until the child has ended. To be called once.
    public func wait() throws(SystemCallError) -> Termination {
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0 {
            guard Glibc.errno == EINTR else { throw .last("waitpid", program) }
        }
        // The layout of the status word, which only macros spell out: wait(2), <bits/waitstatus.h>.
        let signal = status & 0x7f
        return signal == 0 ? .exited(status >> 8 & 0xff) : .signaled(signal)
    }
}
