import Glibc
import KVM
import LinuxSystem
import PCI
import Testing

@testable import Assignment

/// What the host's kernel refuses of what a guest asks of its device: the run goes on, the refusal is counted, and what
/// can be kept is tried again.
@Suite struct RefusedRequestTests {
    /// Errnos that come of what a guest did, and those of a host that fails.
    private static let guests = [EINVAL, EIO, EBUSY, ENOSPC, EAGAIN, EFAULT, EMFILE, EOPNOTSUPP]
    private static let hosts = [ENODEV, ENXIO, ENOMEM, ENFILE, EPERM, EACCES]

    private let fixture: AssignedFixture

    init() throws { fixture = try AssignedFixture() }

    private func refusals() -> [Refusal] { fixture.function.refusals }

    /// Turns MSI-X on with vector 0 unmasked: a mode that ends, one that starts, and a vector.
    private func startMSIX() {
        fixture.writeMemory(AssignedFixture.table + 12, 0, width: 4)
        fixture.write(AssignedFixture.msix + 2, 0x8000, width: 2)
    }

    @Test(arguments: ["configWrite", "startMessages", "vector"], guests) func theRunGoesOn(call: String, errno: Int32) {
        fixture.backend.refuse(call, errno)
        fixture.write(4, 0x0002, width: 2)
        startMSIX()
        fixture.write(AssignedFixture.msix + 2, 0, width: 2)
        #expect(fixture.failures.all.isEmpty)
        #expect(refusals().allSatisfy { $0.call == call && $0.count > 0 }, "\(refusals())")
        #expect(refusals().count == 1, "\(refusals())")
        // Everything as the guest asked once the host lets it be.
        fixture.backend.refuse(call, nil)
        let events = fixture.write(AssignedFixture.msix + 2, 0x8000, width: 2)
        #expect(events.contains(.startMessages(.msix, 1)))
        #expect(fixture.function.decodedBARs().map(\.bar.index) == [0])
    }

    @Test(arguments: ["configWrite", "startMessages", "stopINTx", "vector", "mask"], hosts) func aHostThatFailsEndsIt(
        call: String, errno: Int32
    ) {
        fixture.backend.refuse(call, errno)
        fixture.write(4, 0x0402, width: 2)
        startMSIX()
        #expect(
            fixture.failures.all.first
                == """
                0000:00:04.0: \(call) on 0000:00:04.0: \
                \(SystemCallError(call: "", errno: .init(rawValue: errno)).errno)
                """
        )
        #expect(refusals().isEmpty)
    }

    @Test(arguments: guests) func aDeviceThatAnswersNothingIsTheHosts(errno: Int32) {
        fixture.backend.refuse("configWrite", errno)
        fixture.backend.setGone(true)
        fixture.write(4, 0x0002, width: 2)
        #expect(fixture.failures.all.count == 1)
        #expect(refusals().isEmpty)
    }

    @Test(arguments: [EBUSY, EIO]) func aLineThatTheHostHoldsIsTheHosts(errno: Int32) {
        startMSIX()
        fixture.backend.refuse("startINTx", errno)
        fixture.write(AssignedFixture.msix + 2, 0, width: 2)
        #expect(fixture.failures.all.count == 1)
    }

    @Test("ranges of a refused decoder are not accessed until the device accepts it")
    func refusedDecoder() {
        fixture.backend.refuse("configWrite", EIO)
        #expect(fixture.write(4, 0x0006, width: 2) == [.configWrite(4, 6, width: 2)])
        #expect(fixture.read(4, width: 2) == 6, "kept in the view")
        #expect(fixture.function.decodedBARs().isEmpty, "kept in the view")
        fixture.backend.refuse("configWrite", nil)
        let events = fixture.write(0x0C, 0x10, width: 1)
        #expect(Array(events.prefix(2)) == [.configWrite(4, 6, width: 2), .configWrite(0x0C, 0x10, width: 1)])
        #expect(fixture.function.decodedBARs().map(\.bar.index) == [0])
        #expect(fixture.failures.all.isEmpty)
    }

    @Test("requests that a sleeping device can't accept are repeated when it wakes")
    func sleepingDevice() {
        let control = AssignedFixture.power + 4
        fixture.writeMemory(AssignedFixture.table + 12, 0, width: 4)
        fixture.write(control, 3, width: 2)
        #expect(fixture.write(AssignedFixture.msix + 2, 0x8000, width: 2) == [])
        #expect(fixture.writeMemory(AssignedFixture.table + 28, 0, width: 4) == [])
        let events = fixture.write(control, 0, width: 2)
        #expect(Array(events.prefix(3)) == [.configWrite(control, 0, width: 2), .stopINTx, .startMessages(.msix, 2)])
        #expect(events.contains(.vector(1, MSIMessage(address: 0, data: 0), masked: false)))
        #expect(refusals().isEmpty)
        #expect(fixture.failures.all.isEmpty)
    }

    @Test func aRefusedBARAccessIsCountedAndLost() {
        fixture.backend.refuse("barWrite", EIO)
        for _ in 0..<3 { fixture.writeMemory(0x100, 1, width: 4) }
        #expect(refusals() == [Refusal(call: "barWrite", reason: "Input/output error", count: 3)])
        #expect(fixture.failures.all.isEmpty)
    }

    @Test func anAccessThatReachesIntoTheTableIsItsBytes() {
        let base = AssignedFixture.table
        #expect(
            fixture.writeMemory(base - 4, 0xAABB_CCDD_1122_3344, width: 8).count == 4,
            "4 bytes for the device, 4 for the table")
        #expect(fixture.function.readBAR(0, offset: base, width: 4) == 0xAABB_CCDD)
        fixture.backend.setBAR(0, 0x5A)
        #expect(fixture.function.readBAR(0, offset: base - 1, width: 2) == 0xDD5A)
    }

    /// Every access of the guest's to configuration space is that of its bytes, whatever its width and alignment.
    @Test(arguments: [0x02, 0x03, 0x05, 0x0B, 0x0D, 0x3A, 0x4F, 0x51, 0x53, 0x6F, 0x71, 0x7F, 0x83, 0x85])
    func anyWidthIsItsBytes(offset: Int) throws {
        for value in [0xA5FF_0407, 0x5A00_FBF8, .max, 0] as [UInt32] {
            let (whole, bytes) = (try AssignedFixture(), try AssignedFixture())
            for width in [2, 4] {
                whole.write(offset, value, width: width)
                for index in 0..<width { bytes.write(offset + index, value >> UInt32(8 * index) & 0xFF, width: 1) }
                for place in 0..<252 {
                    #expect(whole.read(place, width: 1) == bytes.read(place, width: 1), "byte \(place)")
                    let wide = (0..<4).reduce(0) { $0 | bytes.read(place + $1, width: 1) << UInt32(8 * $1) }
                    #expect(whole.read(place, width: 4) == wide, "4 bytes at \(place)")
                }
            }
            #expect(whole.failures.all.isEmpty)
        }
    }

    @Test("a register is written as a whole, wherever the access begins")
    func wholeRegister() {
        #expect(fixture.write(2, 0x0404_0000, width: 4) == [.mask(true), .configWrite(4, 0x0404, width: 2)])
        #expect(fixture.write(3, 0x0002_0006 << 8, width: 4).contains(.configWrite(4, 0x0006, width: 2)))
    }
}
