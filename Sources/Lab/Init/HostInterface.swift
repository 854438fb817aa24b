import HostSystem

/// The access of the lab's host to files and to the command's streams. It depends on the drivers of its kernel.
struct HostInterface: Equatable, Sendable {
    enum Files: Equatable, Sendable {
        /// This machine's file system, shared by 9p.
        case shared
        /// The command's files, packed into the initramfs; files that it writes are sent back at its end.
        case packed
    }

    enum Streams: Equatable, Sendable {
        /// Ports of a virtio console.
        case virtio
        /// The second to fourth serial port, which every PC's kernel supports.
        case serial
    }

    let files: Files
    let streams: Streams

    init(files: Files, streams: Streams) {
        self.files = files
        self.streams = streams
    }

    /// Chooses the interface for a kernel.
    /// - Parameter image: returns the unpacked kernel, nil if it can't be unpacked; called only if modules don't
    ///   decide.
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
