import Boot
import Glibc
import KVM
import LinuxSystem

/// A firmware image, placed as on a PC: a read-only ROM that ends at 4 GiB, with a copy of its last 128 KiB below 1
/// MiB. The low copy is RAM, since firmware unpacks itself there; making it read-only again, as a chipset can, is not
/// implemented.
///
/// The first vCPU starts as after a reset, which is the state of a new vCPU of KVM: at f000:fff0 with the segment at
/// 0xffff0000.
final class FirmwareROM: Sendable {
    /// The sizes of an image in bytes. The reset vector needs the last 16 bytes; a larger image would overlap the
    /// interrupt controllers.
    static let sizes: ClosedRange<UInt64> = 64 << 10...16 << 20
    private static let lowSize: UInt64 = 128 << 10

    private let mapping: Mapping

    /// Reads an image.
    /// - Throws: ``MachineError/noFirmware(path:cause:)``, ``MachineError/badFirmware(path:size:)``.
    init(_ path: String, _ files: InputFiles) throws(MachineError) {
        let file: InputFile
        do { file = try files.open(path) } catch { throw .noFirmware(path: path, cause: error) }
        guard Self.sizes.contains(file.size), file.size % 4096 == 0 else {
            throw .badFirmware(path: path, size: file.size)
        }
        do { mapping = try Mapping(anonymous: Int(file.size), object: "the firmware") } catch { throw .system(error) }
        do throws(SystemCallError) {
            try file.descriptor.read(
                into: UnsafeMutableRawBufferPointer(start: mapping.base, count: mapping.count), at: 0)
        } catch {
            throw .noFirmware(path: path, cause: error)
        }
    }

    /// Maps it into the guest.
    /// - Parameter slot: an unused memory slot. The ROM must live as long as the machine.
    func place(in vm: VirtualMachine, _ memory: GuestMemory, slot: UInt32) throws(MachineError) {
        let size = UInt64(mapping.count)
        do throws(KVMError) {
            try vm.setMemory(
                slot: slot, guestAddress: (1 << 32) - size, memory: mapping.base, count: size, readOnly: true)
        } catch {
            throw .kvm(error)
        }
        let low = min(size, Self.lowSize)
        do throws(GuestMemory.OutOfBounds) {
            try memory.withBytes(at: (1 << 20) - low, count: Int(low)) {
                $0.copyMemory(from: UnsafeRawBufferPointer(start: mapping.base + Int(size - low), count: Int(low)))
            }
        } catch {
            throw .badMemorySize(bytes: memory.count, reason: "the firmware does not fit below 1 MiB")
        }
    }
}

extension FirmwareConfig.Items {
    /// Adds the information for firmware besides RAM and vCPUs: the memory map, and settings that show its screen on
    /// the serial console and offer its boot menu.
    mutating func describe(_ memory: GuestMemory, reserved: [MemoryMap.Region], serialPort: UInt16)
        throws(FirmwareConfig.FileError)
    {
        let regions =
            memory.regions.map { MemoryMap.Region(start: $0.guestAddress, size: $0.count, kind: .ram, name: "RAM") }
            + reserved
        try addFile(
            "etc/e820", regions.flatMap { Self.bytes($0.start) + Self.bytes($0.size) + Self.bytes($0.kind.rawValue) })
        try addFile("etc/sercon-port", Self.bytes(UInt64(serialPort)))
        set(.bootMenu, UInt16(1))
    }

    private static func bytes(_ number: some FixedWidthInteger & UnsignedInteger) -> [UInt8] {
        (0..<number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }
}
