import Boot
import Bytes
import KVM
import LinuxSystem
import PCI
import Testing

@testable import VMM

/// The sentences of this room's errors, word for word. Those that pass on another room's error add nothing but what it
/// was about.
struct MachineErrorTests {
    private static let call = SystemCallError(call: "open", object: "/k", errno: .permissionDenied)
    private static let absent = SystemCallError(call: "open", object: "/k", errno: .noSuchFileOrDirectory)

    @Test func ofAMachine() {
        let sentences: [(MachineError, String)] = [
            (.kvm(.call(Self.call)), "open on /k: Permission denied"),
            (.system(Self.call), "open on /k: Permission denied"),
            (.noKernel(path: "/k", cause: Self.absent), "/k: there is no such file"),
            (.noKernel(path: "/k", cause: Self.call), "/k: can't be read: Permission denied"),
            (.badKernel(path: "/k", cause: .emptyImage), "/k: the kernel file is empty"),
            (.noFirmware(path: "/f", cause: Self.absent), "/f: there is no such file"),
            (.noFirmware(path: "/f", cause: Self.call), "/f: can't be read: Permission denied"),
            (
                .badFirmware(path: "/f", size: 100),
                "/f: 100 bytes are no firmware image: 64 KiB to 16 MiB, in whole pages of 4 KiB, are expected"
            ),
            (.firmwareFiles(.repeatedName("a")), "the firmware file 'a' is there twice"),
            (.noTables(.badField("a", reason: "b")), "the machine can't be described to the guest: a: b"),
            (
                .clash(.empty(owner: "COM1")),
                "the board can't be built: COM1 would answer nowhere: give it a place"
            ),
            (.noTestDevice(.noSlot), "the test device can't be had: all 31 PCI slots are taken"),
            (
                .noFunction(name: "test function", .slotTaken(3)),
                "the test function can't be had: PCI slot 3 is taken: give another with slot=N, 1...31"
            ),
            (
                .tooManyCPUs(asked: 300, limit: 288),
                "a machine of 300 vCPUs can't be built here: ask for 1 to 288"
            ),
            (
                .badMemorySize(bytes: 4097, reason: "it is no multiple of 4096"),
                "4097 bytes of memory won't do: it is no multiple of 4096"
            ),
            (.hugePages("there are none"), "there are none"),
        ]
        for (error, sentence) in sentences { #expect("\(error)" == sentence) }
    }

    @Test func ofTheBuses() throws {
        func claim(_ owner: String, _ range: Range<UInt64>) -> Bus.Claim {
            Bus.Claim(owner: owner, range: AddressRange(range))
        }
        #expect(
            "\(Bus.ClaimError.overlap(claim("COM1", 0x3F8..<0x400), earlier: claim("the exit port", 0x3FF..<0x400)))"
                == "0x3f8-0x3ff (COM1) overlaps 0x3ff (the exit port): give one of them another place")
        #expect("\(Bus.ClaimError.empty(owner: "COM1"))" == "COM1 would answer nowhere: give it a place")
        let bar = try #require(BAR(index: 2, kind: .memory32, size: 1 << 30))
        #expect(
            "\(PCIHostBridge.PlugError.noSpace(bar))"
                == "BAR 2 of 1048576 KiB finds no room in the guest's device memory")
    }

    @Test func ofFirmwareFilesAndMemory() {
        let sentences: [(FirmwareConfig.FileError, String)] = [
            (.badName("a\n"), "'a\n' can't name a firmware file: give 1 to 55 printable ASCII characters"),
            (.repeatedName("a"), "the firmware file 'a' is there twice"),
            (
                .tooLarge("a", bytes: 1 << 33),
                "the firmware file 'a' has 8589934592 bytes: the directory can say 4294967295 at most"
            ),
            (.tooMany(limit: 16352), "there are more than 16352 firmware files"),
        ]
        for (error, sentence) in sentences { #expect("\(error)" == sentence) }
        #expect(
            "\(GuestMemory.OutOfBounds(guestAddress: 0xC000_0000, count: 8))"
                == "guest-physical 0xc0000000, 8 bytes: not wholly in RAM")
    }

    @Test func ofAState() {
        let sentences: [(StateError, String)] = [
            (
                .notSavable("0000:00:04.0"),
                "0000:00:04.0 has a state that can't be copied: leave it out of the machine"
            ),
            (.differs("COM1"), "the state of COM1 is from another machine: configure both alike"),
            (
                .running,
                "the machine runs: park it before its state is copied, and put a state only into a new one"
            ),
            (.kvm(.noRoute(limit: 4)), "\(KVMError.noRoute(limit: 4))"),
        ]
        for (error, sentence) in sentences { #expect("\(error)" == sentence) }
    }
}
