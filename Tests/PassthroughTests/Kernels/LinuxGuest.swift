/// What guests/linux said of itself and of what it drove.
struct LinuxGuest {
    /// A line of /proc/interrupts.
    struct Interrupt {
        /// By vCPU.
        let counts: [UInt64]
        /// The controller, its input and the device's name for it.
        let description: String

        var total: UInt64 { counts.reduce(0, +) }
    }

    let record: LabRecord

    /// Its lines that begin so, without that.
    func lines(_ start: String) -> [String] {
        record.output.filter { $0.hasPrefix("linux: \(start) ") }.map { String($0.dropFirst("linux: ".count)) }
    }

    /// A file of its /proc. What the kernel says meanwhile stands between.
    func file(_ name: String) -> [String] {
        record.output.drop { $0 != "linux: begin \(name)" }.dropFirst().prefix { $0 != "linux: end \(name)" }.filter {
            !$0.hasPrefix("[")
        }
    }

    /// The kernel's log.
    var kernelLog: [String] { record.output.filter { $0.hasPrefix("[") } }

    var interrupts: [Interrupt] {
        let lines = file("interrupts")
        let cpus = lines.first?.split(separator: " ").count ?? 0
        return lines.dropFirst().compactMap { line in
            let words = line.split(separator: " ")
            guard words.count > cpus + 1 else { return nil }
            let counts = words.dropFirst().prefix(cpus).compactMap { UInt64($0) }
            guard counts.count == cpus else { return nil }
            return Interrupt(counts: counts, description: words.dropFirst(cpus + 1).joined(separator: " "))
        }
    }

    /// Interrupts whose description ends in this device name and names this controller.
    func interrupts(of name: String, by controller: String) -> [Interrupt] {
        interrupts.filter { $0.description.hasPrefix(controller) && $0.description.hasSuffix(" \(name)") }
    }
}

extension LabSession {
    /// What a Linux guest that the script ran under this name left behind.
    func guest(_ name: String) async throws -> LinuxGuest { LinuxGuest(record: try await record(name)) }
}
