import Boot
import LinuxSystem
import Synchronization

/// The disk of the boot ROM: an image file with an overlay in the host's memory that holds the guest's writes. The file
/// itself is never written.
///
/// The guest writes the physical address of a request to the port, and the request is complete when its OUT returns. A
/// request is 24 bytes, little-endian: command (16 bits: 1 read, 2 write, 3 verify), sectors (16), status (32, the
/// answer), physical address of the buffer (64), first sector (64).
final class BootDisk: BusDevice, Savable, @unchecked Sendable {
    // @unchecked: `overlay` and `written` are touched with the lock held.

    static let entry = BoardEntry("the boot disk", at: BootROM.diskPort, count: 4)

    /// A request's status as INT 13h returns it, stored in the request's third field.
    enum Status: UInt32 {
        case good = 0x00
        case badRequest = 0x01
        case noSuchSector = 0x04
        /// The buffer is not wholly in RAM.
        case badBuffer = 0x09
        /// The host can't read the image.
        case unreadable = 0x20
    }

    /// The block size of the overlay.
    private static let blockSize = 4096

    private let file: InputFile
    private let memory: GuestMemory
    /// The offset of the first sector in the file.
    private let base: Int
    private let sectorCount: UInt64
    /// As large as the image; uses host memory only for blocks that the guest wrote.
    private let overlay: Mapping
    /// A byte for each block: 1 if the overlay has its contents.
    private let written: Mapping
    private let lock = Mutex(())

    init(_ disk: DiskImage, file: InputFile, memory: GuestMemory) throws(SystemCallError) {
        self.file = file
        self.memory = memory
        base = Int(disk.start)
        sectorCount = disk.sectorCount
        let blocks = Int(
            (disk.sectorCount * DiskImage.sectorSize + UInt64(Self.blockSize) - 1) / UInt64(Self.blockSize))
        overlay = try Mapping(anonymous: blocks * Self.blockSize, object: "what the guest writes to its disk")
        written = try Mapping(anonymous: blocks, object: "what the guest writes to its disk")
    }

    /// What the guest wrote, by the number of the block of 4 KiB.
    struct State: Sendable, Equatable {
        let sectorCount: UInt64
        var blocks: [Int: [UInt8]] = [:]
    }

    func save() -> State {
        lock.withLock { _ in
            var state = State(sectorCount: sectorCount)
            for block in 0..<written.count where isWritten(block) {
                state.blocks[block] = Array(
                    UnsafeRawBufferPointer(start: overlay.base + block * Self.blockSize, count: Self.blockSize))
            }
            return state
        }
    }

    func restore(_ state: State) throws(StateError) {
        guard state.sectorCount == sectorCount else { throw .differs("the boot disk") }
        lock.withLock { _ in
            for block in 0..<written.count where isWritten(block) || state.blocks[block] != nil {
                let bytes = state.blocks[block]
                written.base.storeBytes(of: bytes == nil ? 0 : 1, toByteOffset: block, as: UInt8.self)
                guard let bytes, bytes.count == Self.blockSize else { continue }
                UnsafeMutableRawBufferPointer(start: overlay.base + block * Self.blockSize, count: Self.blockSize)
                    .copyBytes(from: bytes)
            }
        }
    }

    /// Returns 'DISK', by which a guest can detect the port.
    override func read(_ offset: UInt64, width: Int) -> UInt64 {
        offset == 0 && width == 4 ? 0x4B53_4944 : .max
    }

    override func write(_ offset: UInt64, _ value: UInt64, width: Int) {
        guard offset == 0, width == 4 else { return }
        lock.withLock { _ in
            func field<Number: FixedWidthInteger & BitwiseCopyable>(_ offset: UInt64, as type: Number.Type) -> Number? {
                try? memory.withBytes(at: value + offset, count: MemoryLayout<Number>.size) {
                    $0.loadUnaligned(as: type)
                }
            }
            // A request that isn't wholly in RAM has no place for an answer either.
            guard let command = field(0, as: UInt16.self), let count = field(2, as: UInt16.self),
                let buffer = field(8, as: UInt64.self), let first = field(16, as: UInt64.self)
            else { return }
            let status = serve(command: command, count: UInt64(count), buffer: buffer, first: first)
            try? memory.withBytes(at: value + 4, count: 4) {
                $0.storeBytes(of: status.rawValue.littleEndian, as: UInt32.self)
            }
        }
    }

    private func serve(command: UInt16, count: UInt64, buffer: UInt64, first: UInt64) -> Status {
        guard first <= sectorCount, count <= sectorCount - first else { return .noSuchSector }
        let start = Int(first * DiskImage.sectorSize)
        let bytes = Int(count * DiskImage.sectorSize)
        guard command != 3 else { return .good }
        do throws(GuestMemory.OutOfBounds) {
            return try memory.withBytes(at: buffer, count: bytes) { bytes in
                switch command {
                case 1: read(into: bytes, at: start)
                case 2: write(from: UnsafeRawBufferPointer(bytes), at: start)
                default: .badRequest
                }
            }
        } catch {
            return .badBuffer
        }
    }

    private func isWritten(_ block: Int) -> Bool {
        written.base.load(fromByteOffset: block, as: UInt8.self) != 0
    }

    /// Reads the image's bytes; zeros after its end, in the last sector.
    private func load(into bytes: UnsafeMutableRawBufferPointer, at start: Int) -> Bool {
        let held = min(max(Int(file.size) - base - start, 0), bytes.count)
        UnsafeMutableRawBufferPointer(rebasing: bytes[held...]).initializeMemory(as: UInt8.self, repeating: 0)
        guard held > 0 else { return true }
        return
            (try? file.descriptor.read(
                into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<held]), at: UInt64(base + start))) != nil
    }

    private func read(into bytes: UnsafeMutableRawBufferPointer, at start: Int) -> Status {
        var done = 0
        while done < bytes.count {
            let place = start + done
            let isHere = isWritten(place / Self.blockSize)
            var end = place
            repeat {
                end = (end / Self.blockSize + 1) * Self.blockSize
            } while end < start + bytes.count && isWritten(end / Self.blockSize) == isHere
            let piece = UnsafeMutableRawBufferPointer(rebasing: bytes[done..<min(end - start, bytes.count)])
            if isHere {
                piece.copyMemory(from: UnsafeRawBufferPointer(start: overlay.base + place, count: piece.count))
            } else if !load(into: piece, at: place) {
                return .unreadable
            }
            done += piece.count
        }
        return .good
    }

    private func write(from bytes: UnsafeRawBufferPointer, at start: Int) -> Status {
        var done = 0
        while done < bytes.count {
            let place = start + done
            let block = place / Self.blockSize
            let count = min((block + 1) * Self.blockSize - place, bytes.count - done)
            if !isWritten(block) {
                if count < Self.blockSize {
                    let whole = UnsafeMutableRawBufferPointer(
                        start: overlay.base + block * Self.blockSize, count: Self.blockSize)
                    guard load(into: whole, at: block * Self.blockSize) else { return .unreadable }
                }
                written.base.storeBytes(of: 1, toByteOffset: block, as: UInt8.self)
            }
            UnsafeMutableRawBufferPointer(start: overlay.base + place, count: count)
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[done..<done + count]))
            done += count
        }
        return .good
    }
}
