import Glibc
import HostSystem
import LinuxSystem

/// The image that QEMU boots: an ELF kernel by its PVH entry, which avoids decompression in the lab's host (2.5 CPU
/// seconds in software emulation), or the bzImage.
struct BootImage: ~Copyable {
    /// The file; empty if it is `descriptor`.
    let path: String
    private let memory: TemporaryFile?
    /// The file's descriptor if there was no place for a named file, otherwise -1.
    var descriptor: Int32 {
        switch memory {
        case .some(let file): file.descriptor.raw
        case .none: -1
        }
    }
    /// Advice for a faster next start, if there is any.
    let advice: String?

    /// Makes the image of `kernel`; stores the ELF kernel of a bzImage in `cache`.
    init(of kernel: String, cache: String?, programs: HostPrograms) throws(LabError) {
        var isELF = false
        do throws(SystemCallError) {
            let file = try Descriptor(opening: kernel, flags: O_RDONLY)
            let status = HostFile.status(kernel)
            let size = status?.isDirectory == false ? status?.size ?? 0 : 0
            if let status, let image = try BzImage(file, size: size) {
                try self.init(
                    unpacking: image, in: file, of: kernel, status: status, cache: cache, programs: programs)
                return
            }
            let elf = try HostFile.bytes(of: file, at: 0, count: size)
            isELF = elf.starts(with: ELFProbe.magic) && ELFProbe.hasPVHEntry(elf)
        } catch {
            throw .system(error)
        }
        guard isELF else {
            throw .kernel(
                "\(kernel) is neither a bzImage nor an ELF kernel with a PVH note (CONFIG_PVH): the lab can't boot it")
        }
        self.init(path: kernel)
    }

    private init(path: String, memory: consuming TemporaryFile? = nil, advice: String? = nil) {
        self.path = path
        self.memory = memory
        self.advice = advice
    }

    private init(
        unpacking image: BzImage, in file: borrowing Descriptor, of kernel: String, status: HostFile.Status,
        cache: String?, programs: HostPrograms
    ) throws(SystemCallError) {
        guard let payload = image.payload else {
            self.init(path: kernel)
            return
        }
        let name = kernel.split(separator: "/").last.map(String.init) ?? "kernel"
        let prefix = "vmlinux-\(name)-"
        let cached = cache.map { "\($0)/\(prefix)\(status.modified)-\(status.size)" }
        if let cached, HostFile.status(cached)?.size == payload.size {
            self.init(path: cached)
            return
        }
        let (program, _, package) = payload.compression.program
        guard let unpacker = programs.find(program) else {
            self.init(path: kernel, advice: "with \(program) the lab starts 2 s sooner: apt-get install \(package)")
            return
        }

        let packed = try HostFile.bytes(of: file, at: payload.range.lowerBound, count: payload.range.count)
        let memory = try TemporaryFile("vmlinux")
        let isWhole = try Decompressor(programs: programs)
            .unpack(packed, payload.compression, program: unpacker, into: memory.descriptor)
        let size = memory.size
        guard isWhole, size == payload.size else {
            self.init(path: kernel)
            return
        }
        let elf = try HostFile.bytes(of: memory.descriptor, at: 0, count: size)
        guard elf.starts(with: ELFProbe.magic), ELFProbe.hasPVHEntry(elf) else {
            self.init(path: kernel)
            return
        }
        if let cache, let cached, Self.store(elf, as: cached, in: cache, replacing: prefix) {
            self.init(path: cached)
        } else {
            self.init(path: "", memory: memory)
        }
    }

    /// Writes the file under a temporary name first, so that no other lab ever sees half of it.
    private static func store(_ contents: [UInt8], as path: String, in directory: String, replacing prefix: String)
        -> Bool
    {
        var parent = ""
        for part in directory.split(separator: "/") {
            parent += "/\(part)"
            mkdir(parent, 0o755)
        }
        let temporary = "\(path).\(getpid())-\(UInt32.random(in: 0 ... .max))"
        do {
            let file = try Descriptor(opening: temporary, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW)
            try file.write(contents: contents)
        } catch {
            unlink(temporary)
            return false
        }
        guard rename(temporary, path) == 0 else {
            unlink(temporary)
            return false
        }
        for name in HostFile.names(in: directory) where name.hasPrefix(prefix) && "\(directory)/\(name)" != path {
            unlink("\(directory)/\(name)")
        }
        return true
    }
}
