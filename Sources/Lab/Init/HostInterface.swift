import HostSystem

/// How the lab's host gets at files and at the command's streams. It depends on what its kernel has drivers for.
struct HostInterface: Equatable, Sendable {
    enum Files: Equatable, Sendable {
        /// This machine's file system, shared by 9p.
        case shared
        /// What the command needs, packed into the initramfs; what it writes is sent back at its end.
        case packed
    }

    enum Streams: Equatable, Sendable {
        /// Ports of a virtio console.
        case virtio
        /// The second to fourth serial port, which every PC's kernel drives.
        case serial
    }

    let files: Files
    let streams: Streams

    init(files: Files, streams: Streams) {
        self.files = files
        self.streams = streams
    }

    /// What serves with this kernel.
    /// - Parameter image: the kernel unpacked; only asked for where modules don't answer, nil where it can't be
    ///   unpacked.
    init(modules: KernelModules, image: () throws(LabError) -> [UInt8]?) throws(LabError) {
        var unpacked: [UInt8]??
        func has(_ driver: HostKernel.Driver) throws(LabError) -> Bool {
            if modules.has(driver.module) { return true }
            let bytes: [UInt8]?
            if let unpacked { bytes = unpacked } else { bytes = try image() }
            unpacked = .some(bytes)
            return bytes?.firstRange(ofBytes: Array(driver.trace.utf8)) != nil
        }
        var lacksShare = false
        for driver in HostKernel.Driver.share where !lacksShare { lacksShare = try !has(driver) }
        if lacksShare {
            self.init(files: .packed, streams: .serial)
        } else {
            self.init(files: .shared, streams: try has(.virtioConsole) ? .virtio : .serial)
        }
    }
}
