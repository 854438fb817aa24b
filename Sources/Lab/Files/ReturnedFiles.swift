import Glibc
import HostSystem
import LinuxSystem
import SystemPackage

/// The files that a command wrote in a lab without shared files, as its host sends them: a cpio archive in the `newc`
/// format.
struct ReturnedFiles: Equatable, Sendable {
    struct File: Equatable, Sendable {
        /// Relative to the current directory.
        let path: String
        let permissions: UInt32
        let contents: [UInt8]
    }

    let files: [File]

    /// Reads an archive. Only regular files count.
    /// - Throws: `LabError.setup` if it is truncated, or a path leads out of the directory.
    init(archive: [UInt8]) throws(LabError) {
        var found: [(path: String, permissions: UInt32, contents: [UInt8], link: UInt64?)] = []
        // Of hard links to one file only the last carries the contents.
        var linked: [UInt64: [UInt8]] = [:]
        var position = 0
        func aligned(_ offset: Int) -> Int { (offset + 3) & ~3 }
        while true {
            guard archive.count - position >= 110, archive[position..<position + 6].elementsEqual("070701".utf8) else {
                throw Self.cut
            }
            let start = position
            func field(_ index: Int) -> UInt64 {
                let place = start + 6 + 8 * index
                return UInt64(String(decoding: archive[place..<place + 8], as: UTF8.self), radix: 16) ?? 0
            }
            let (inode, mode, links, size, nameSize) = (field(0), field(1), field(4), Int(field(6)), Int(field(11)))
            let data = aligned(position + 110 + nameSize)
            guard nameSize > 0, data <= archive.count, size <= archive.count - data else { throw Self.cut }
            let name = String(decoding: archive[(position + 110)..<(position + 109 + nameSize)], as: UTF8.self)
            if name == "TRAILER!!!" { break }
            position = aligned(data + size)
            guard mode & UInt64(S_IFMT) == UInt64(S_IFREG) else { continue }
            let parts = name.split(separator: "/").filter { $0 != "." }
            guard !parts.isEmpty, !name.hasPrefix("/"), !parts.contains("..") else {
                throw .setup("it sent a file back by the name '\(name)', which is not below the current directory")
            }
            let contents = Array(archive[data..<data + size])
            if links > 1 && size > 0 { linked[inode] = contents }
            found.append(
                (
                    parts.joined(separator: "/"), UInt32(truncatingIfNeeded: mode & 0o777), contents,
                    links > 1 ? inode : nil
                ))
        }
        files = found.map { file in
            File(
                path: file.path, permissions: file.permissions,
                contents: file.link.flatMap { linked[$0] } ?? file.contents)
        }
    }

    /// Writes every file below `directory`, and creates directories on the way.
    /// - Throws: `LabError.unwritable`; also for a symbolic link on the way, which may lead out of the directory.
    func write(below directory: String) throws(LabError) {
        for file in files {
            var place = directory
            for part in file.path.split(separator: "/").dropLast() {
                place += "/\(part)"
                guard mkdir(place, 0o777) != 0 else { continue }
                guard Glibc.errno == EEXIST else { throw Self.unwritable(place, .last("mkdir", place)) }
                do throws(SystemCallError) {
                    guard try HostFile.ownStatus(place).isDirectory else {
                        throw SystemCallError(call: "mkdir", object: place, errno: Errno(rawValue: ENOTDIR))
                    }
                } catch {
                    throw Self.unwritable(place, error)
                }
            }
            let path = "\(directory)/\(file.path)"
            let target: OutputFile
            do throws(OutputFileError) {
                target = try OutputFile(path, followsLinks: false)
            } catch {
                throw .unwritable(Self.what, path: path, error)
            }
            do throws(SystemCallError) { try target.descriptor.write(contents: file.contents) } catch {
                throw Self.unwritable(path, error)
            }
            guard fchmod(target.descriptor.raw, file.permissions) == 0 else {
                throw Self.unwritable(path, .last("fchmod", path))
            }
        }
    }

    private static let what = "a file of the command"

    private static func unwritable(_ path: String, _ error: SystemCallError) -> LabError {
        .unwritable(what, path: path, .system(error))
    }

    private static var cut: LabError { .setup("the files it sent back are cut off") }
}
