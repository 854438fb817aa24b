import Glibc
import LinuxSystem
import TestSupport
import Testing

/// The format of docs/recording.md, to the letter.
struct RecordingFormatTests {
    @Test func eachKindOfCallHasItsLine() throws {
        let file = try RecordedFile { recorder in
            let calls = ScriptedCalls(recorder)
            try #expect(calls.vm.ioctl(ScriptedCalls.check, value: 75) == 1)
            #expect(throws: SystemCallError.self) { try calls.device(ScriptedCalls.assign, flags: 0) }
            try calls.device(ScriptedCalls.assign, flags: 3)
            try calls.device(ScriptedCalls.setMask, flags: 4)
            try calls.command(0x0406)
            #expect(try calls.status() == 0x0706)
            #expect(throws: SystemCallError.self) { try [0].withUnsafeBytes { try calls.config.write($0, at: 0x10) } }
        }
        #expect(
            try file.text == """
                swiftlet-recording 1
                1 "virtual machine" KVM_CHECK_EXTENSION 0xae03 0x4b = 1
                2 "virtual machine" KVM_ASSIGN_PCI_DEVICE 0x8040ae69 [20000000000000002000000000000000] = -22 EINVAL
                3 "virtual machine" KVM_ASSIGN_PCI_DEVICE 0x8040ae69 [20000000000000002000000003000000] = 0
                4 "virtual machine" KVM_ASSIGN_SET_INTX_MASK 0x4040aea4 [20000000000000002000000004000000] = 0
                5 "0000:00:04.0 config" pwrite 0x4 [0604] = 2
                6 "0000:00:04.0 config" pread 0x6 2 -> 0:[0607] = 2
                7 "0000:00:04.0 config" pwrite 0x10 [0000000000000000] = -13 EACCES
                end 7

                """)
    }

    @Test func whatTheKernelChangedFollowsTheArgument() throws {
        let file = try RecordedFile { recorder in
            var page = [UInt8](repeating: 0, count: 16)
            try Descriptor(owning: dup(2), object: "vCPU 0", kernel: recorder).ioctl(
                IoctlRequest(0x8400_AE8E, "KVM_GET_LAPIC"), bytes: &page)
            #expect(page == [0, 0, 0, 0, 4, 0, 0, 7, 0, 0, 0, 0, 12, 0, 0, 0])
        }
        #expect(
            try file.text.contains(
                """
                \n1 \"vCPU 0\" KVM_GET_LAPIC 0x8400ae8e [00000000000000000000000000000000] -> 4:[04000007] 12:[0c] \
                = 0\n
                """
            ))
    }

    /// A structure, by the 32-bit words in it, and how its bytes are written.
    struct Masked: Sendable, CustomTestStringConvertible {
        let name: StaticString
        let number: UInt
        let words: [UInt32]
        let written: String
        var testDescription: String { "\(name) \(written)" }
    }

    private static let dots = "........"

    @Test(arguments: [
        Masked(
            name: "KVM_SET_USER_MEMORY_REGION", number: 0x4020_AE46,
            words: [1, 0, 0, 0, 0x1000, 0, 0x1234_5000, 0x7F00],
            written: "[010000000000000000000000000000000010000000000000\(dots)\(dots)]"),
        Masked(
            name: "KVM_SET_USER_MEMORY_REGION", number: 0x4020_AE46, words: [1, 0, 0, 0, 0, 0, 0, 0],
            written: "[0100000000000000000000000000000000000000000000000000000000000000]"),
        Masked(
            name: "KVM_IRQFD", number: 0x4020_AE76, words: [9, 20, 2, 10], written: "[\(dots)1400000002000000\(dots)]"),
        Masked(
            name: "KVM_IRQFD", number: 0x4020_AE76, words: [9, 20, 1, 0], written: "[\(dots)140000000100000000000000]"),
        Masked(
            name: "KVM_IOEVENTFD", number: 0x4040_AE79, words: [1, 0, 0x80, 0, 1, 9, 2, 0],
            written: "[0100000000000000800000000000000001000000\(dots)0200000000000000]"),
        Masked(
            name: "KVM_SET_DEVICE_ATTR", number: 0x4018_AEE1, words: [0, 1, 1, 0, 0x5678_9000, 0x7F00],
            written: "[00000000010000000100000000000000\(dots)\(dots)]"),
        Masked(name: "VFIO_GROUP_SET_CONTAINER", number: 0x3B68, words: [7], written: "[\(dots)]"),
        Masked(
            name: "VFIO_IOMMU_MAP_DMA", number: 0x3B71, words: [32, 3, 0x1000, 0x7F00, 0, 0, 0x1000, 0],
            written: "[2000000003000000\(dots)\(dots)00000000000000000010000000000000]"),
        Masked(
            name: "VFIO_DEVICE_SET_IRQS", number: 0x3B6E, words: [32, 0x24, 2, 0, 3, 11, .max, 12],
            written: "[2000000024000000020000000000000003000000\(dots)ffffffff\(dots)]"),
        Masked(
            name: "VFIO_DEVICE_SET_IRQS", number: 0x3B6E, words: [20, 0x21, 2, 0, 0],
            written: "[1400000021000000020000000000000000000000]"),
        Masked(name: "VFIO_GROUP_SET_CONTAINER", number: 0x3B68, words: [], written: "[]"),
    ])
    func whatMeansNothingInAnotherRunIsNotWritten(_ masked: Masked) throws {
        let file = try RecordedFile { recorder in
            var bytes = masked.words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
            try Descriptor(owning: dup(2), object: "it", kernel: recorder).ioctl(
                IoctlRequest(masked.number, masked.name), bytes: &bytes)
        }
        #expect(
            try file.text
                == """
                swiftlet-recording 1\n1 \"it\" \(masked.name) 0x\(String(masked.number, radix: 16)) \
                \(masked.written) = 0\nend 1\n
                """
        )
    }

    @Test func newDescriptorsAreSaidAndNotNumbered() throws {
        let file = try RecordedFile { recorder in
            let kvm = Descriptor(owning: dup(2), object: "/dev/kvm", kernel: recorder)
            close(try kvm.ioctl(IoctlRequest(0xAE01, "KVM_CREATE_VM")))
            var device = SIMD4<UInt32>(4, 0, 0, 0)
            try kvm.ioctl(IoctlRequest(0xC00C_AEE0, "KVM_CREATE_DEVICE"), &device)
            close(Int32(device[1]))
            _ = try Descriptor(opening: "/dev/null", kernel: recorder)
            #expect(throws: SystemCallError.self) {
                _ = try Descriptor(opening: "/nowhere/\"é\\", flags: O_RDONLY, kernel: recorder)
            }
        }
        #expect(
            try file.text == """
                swiftlet-recording 1
                1 "/dev/kvm" KVM_CREATE_VM 0xae01 0x0 = descriptor
                2 "/dev/kvm" KVM_CREATE_DEVICE 0xc00caee0 [04000000000000000000000000000000] -> 4:[........] = 0
                3 "/dev/null" open 0x80002 = descriptor
                4 "/nowhere/\\x22\\xc3\\xa9\\x5c" open 0x80000 = -2 ENOENT
                end 4

                """)
        #expect(try file.recording.lines[3].call.object == "/nowhere/\"é\\")
    }

    /// A routing table of 1024 entries.
    private static let bytes: [UInt8] = (0..<8 + 48 * 1024).map { UInt8(truncatingIfNeeded: $0 &* 7) }

    @Test func whatIsReadIsWhatWasWritten() throws {
        let file = try RecordedFile { recorder in
            let calls = ScriptedCalls(recorder)
            var table = Self.bytes
            try calls.vm.ioctl(IoctlRequest(0x4008_AE6A, "KVM_SET_GSI_ROUTING"), bytes: &table)
            try table.withUnsafeMutableBytes { try calls.config.read(into: $0, at: 1 << 40) }
            var vectors = ([28, 4, 2, 0, 2, 8, 9] as [UInt8]).flatMap { [$0, 0, 0, 0] as [UInt8] }
            try calls.vm.ioctl(IoctlRequest(0x3B6E, "VFIO_DEVICE_SET_IRQS"), bytes: &vectors)
        }
        let lines = try file.recording.lines
        #expect(lines.map(\.number) == [2, 3, 4])
        #expect(lines.map(\.call.name) == ["KVM_SET_GSI_ROUTING", "pread", "VFIO_DEVICE_SET_IRQS"])
        guard case .structure(0x4008_AE6A, let table) = lines[0].call.argument,
            case .structure(_, let vectors) = lines[2].call.argument
        else {
            Issue.record("other arguments")
            return
        }
        #expect(table.bytes == Self.bytes)
        #expect(table.varying.isEmpty)
        #expect(vectors.varying == [20..<28])
        try #require(lines[1].answer.changes.map(\.offset) == [0])
        #expect(lines[1].answer.changes[0].bytes.bytes.count == table.bytes.count)
        #expect(lines[1].answer.result == .number(table.bytes.count))
    }
}
