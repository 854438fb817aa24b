import Bytes

/// Random access to the bytes of a kernel image: a file read with pread(2), an array in tests.
public protocol ImageSource {
    /// The image's size in bytes.
    var size: UInt64 { get }

    /// Returns exactly `count` bytes that start at `offset`.
    ///
    /// The planner reads only ranges inside `0..<size`, and at most 64 KiB at a time.
    /// - Throws: an error of the source; reading fewer bytes than asked for is one too.
    func read(at offset: UInt64, count: Int) throws -> [UInt8]
}

/// An image that is already in memory.
public struct InMemoryImage: ImageSource, Sendable {
    /// The image's bytes.
    public let bytes: [UInt8]

    /// Wraps bytes as an image.
    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    public var size: UInt64 { UInt64(bytes.count) }

    public func read(at offset: UInt64, count: Int) throws -> [UInt8] {
        guard let start = Int(exactly: offset), count >= 0, start <= bytes.count, count <= bytes.count - start else {
            throw BootError.truncated(
                structure: "image", end: offset.addingSaturating(UInt64(max(count, 0))), size: size)
        }
        return Array(bytes[start..<start + count])
    }
}

extension ImageSource {
    /// Reads a structure. Its name is part of the error if the image is too short or the source fails.
    func structure(_ name: String, at offset: UInt64, count: Int) throws(BootError) -> ByteReader {
        let end = offset.addingSaturating(UInt64(count))
        guard end <= size else {
            throw .truncated(structure: name, end: end, size: size)
        }
        let bytes: [UInt8]
        do {
            bytes = try read(at: offset, count: count)
        } catch let error as BootError {
            throw error
        } catch {
            throw .unreadable(structure: name, offset: offset, count: count, cause: error)
        }
        guard bytes.count == count else {
            throw .truncated(structure: name, end: end, size: offset.addingSaturating(UInt64(bytes.count)))
        }
        return ByteReader(bytes, of: name)
    }
}
