import LinuxSystem

/// A kernel module's file, prepared for loading.
public enum ModuleFile {
    /// Returns the contents of the module at `path`, decompressed and without its signature.
    public static func contents(_ path: String, _ decompressor: Decompressor) throws(HostSystemError) -> [UInt8] {
        let bytes: [UInt8]
        do { bytes = try HostFile.contents(path) } catch { throw .system(error) }
        guard let compression = BzImage.compression(bytes) else { return withoutSignature(bytes) }
        return withoutSignature(try decompressor.unpack(bytes, compression, object: path))
    }

    /// Removes the signature: checking the signatures of all modules takes an emulated guest 0.2 s. Source: the
    /// kernel's Documentation/admin-guide/module-signing.rst and `struct module_signature`, which ends with the
    /// signature's length, big-endian, and is followed by the marker.
    public static func withoutSignature(_ module: [UInt8]) -> [UInt8] {
        let marker = Array("~Module signature appended~\n".utf8)
        let descriptionSize = 12
        let end = module.count - marker.count
        guard end >= descriptionSize, module[end...].elementsEqual(marker) else { return module }
        let length = module[(end - 4)..<end].reduce(0) { $0 << 8 | Int($1) }
        guard length <= end - descriptionSize else { return module }
        return Array(module[..<(end - descriptionSize - length)])
    }
}
