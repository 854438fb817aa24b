import CLinux
import Glibc
import LinuxSystem
import TestSupport
import Testing

@testable import KVM

/// Real exits of a real vCPU. Every guest is integer code in real mode, which every KVM runs.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct VirtualCPUTests {
    @Test func writesToPortsOfEveryWidth() throws {
        // mov dx, 0x510; mov eax, 0x11223344; out dx, al; out dx, ax; out dx, eax; out 0xf4, al
        let guest = try RealModeGuest([
            0xBA, 0x10, 0x05, 0x66, 0xB8, 0x44, 0x33, 0x22, 0x11, 0xEE, 0xEF, 0x66, 0xEF, 0xE6, 0xF4,
        ])
        for (size, value) in [(1, 0x44), (2, 0x3344), (4, 0x1122_3344)] as [(UInt8, UInt32)] {
            #expect(guest.enter() == .portOut(port: 0x510, size: size, count: 1))
            #expect(guest.vcpu.portValue(0, size: size) == value)
        }
        #expect(guest.enter() == .portOut(port: 0xF4, size: 1, count: 1))
    }

    @Test func readsFromPortsOfEveryWidth() throws {
        // mov dx, 0x510; in al, dx; out 0xf4, al; in ax, dx; out dx, ax; in eax, dx; out dx, eax
        let guest = try RealModeGuest([0xBA, 0x10, 0x05, 0xEC, 0xE6, 0xF4, 0xED, 0xEF, 0x66, 0xED, 0x66, 0xEF])
        for (size, value) in [(1, 0xA5), (2, 0xBEEF), (4, 0xDEAD_BEEF)] as [(UInt8, UInt32)] {
            #expect(guest.enter() == .portIn(port: 0x510, size: size, count: 1))
            guest.vcpu.setPortValue(0, size: size, value)
            #expect(guest.enter() == .portOut(port: size == 1 ? 0xF4 : 0x510, size: size, count: 1))
            #expect(guest.vcpu.portValue(0, size: size) == value)
        }
    }

    @Test func registersAreSetUpToTheFirstThatIsRefused() throws {
        let vcpu = try RealModeGuest([]).vcpu
        let unknown: UInt32 = 0xDEAD_0000
        let values = [MSR(index: 0x2FF, value: 0x806), MSR(index: unknown, value: 1), MSR(index: 0x2FF, value: 0)]
        #expect(try vcpu.setMSRs(values) == 1)
        #expect(try vcpu.msr(0x2FF) == 0x806)
        #expect(try vcpu.msr(unknown) == nil)
    }

    /// What a triple fault loses on AMD's processors: docs/post-mortem.md.
    @Test func registersOfTheExitBeforeAreKept() throws {
        // mov cx, 0; again: inc cx; out 0xf4, al; jmp again
        let guest = try RealModeGuest([0xB9, 0x00, 0x00, 0x41, 0xE6, 0xF4, 0xEB, 0xFB])
        try #require(try Hypervisor().check(.syncRegisters) & 3 == 3)
        #expect(guest.vcpu.registersBefore == nil)
        guest.vcpu.keepEarlierRegisters()
        // The registers that user space sets are those before the first exit.
        var registers = try guest.vcpu.registers()
        registers.rbx = 7
        try guest.vcpu.setRegisters(registers)
        try guest.vcpu.setSpecialRegisters(try guest.vcpu.specialRegisters())
        for round in 1...UInt64(200) {
            #expect(guest.enter() == .portOut(port: 0xF4, size: 1, count: 1))
            let kept = try #require(guest.vcpu.registersBefore)
            #expect(kept.general.rcx == round - 1)
            #expect(try guest.vcpu.registers().rcx == round)
            #expect(kept.general.rbx == 7)
            #expect(kept.general.rip == (round == 1 ? 0x1000 : 0x1004) || kept.general.rip == 0x1006)
            #expect(kept.special.cs.base == 0)
            #expect(kept.special.cr0 & 1 == 0)
            #expect(kept.special.apic_base != 0)
        }
    }

    @Test func stringInstructionsCarryEveryElement() throws {
        // mov si, 0x2000; mov dx, 0x3f8; mov cx, 5; cld; rep outsb; out 0xf4, al
        let guest = try RealModeGuest([
            0xBE, 0x00, 0x20, 0xBA, 0xF8, 0x03, 0xB9, 0x05, 0x00, 0xFC, 0xF3, 0x6E, 0xE6, 0xF4,
        ])
        guest.put(Array("swift".utf8), at: 0x2000)
        var text: [UInt8] = []
        while case .portOut(port: 0x3F8, let size, let count) = guest.enter() {
            #expect(size == 1)
            for index in 0..<count { text.append(UInt8(guest.vcpu.portValue(index, size: 1))) }
            try #require(text.count <= 5)
        }
        #expect(text == Array("swift".utf8))
        #expect(guest.vcpu.portValue(1000, size: 1) == 0, "an element that is not there")
    }

    @Test func stringInputFillsMemory() throws {
        // mov di, 0x2000; mov dx, 0x510; mov cx, 3; cld; rep insw; out 0xf4, al
        let guest = try RealModeGuest([
            0xBF, 0x00, 0x20, 0xBA, 0x10, 0x05, 0xB9, 0x03, 0x00, 0xFC, 0xF3, 0x6D, 0xE6, 0xF4,
        ])
        var next: UInt32 = 0x0100
        loop: while true {
            switch guest.enter() {
            case .portIn(port: 0x510, size: 2, let count):
                for index in 0..<count {
                    guest.vcpu.setPortValue(index, size: 2, next)
                    next += 0x0202
                }
            case .portOut(port: 0xF4, size: 1, count: 1): break loop
            case let exit:
                Issue.record("\(exit)")
                break loop
            }
        }
        #expect((0x2000..<0x2006).map { guest.byte(at: $0) } == [0x00, 0x01, 0x02, 0x03, 0x04, 0x05])
    }

    @Test func accessesToMemoryThatIsNotThere() throws {
        // mov ax, 0x2000; mov ds, ax; mov byte [0x10], 0x5a; mov word [0x20], 0x1234; mov al, [0x30]; out 0xf4, al; mov
        // eax, [0x40]; out dx, eax
        let guest = try RealModeGuest([
            0xB8, 0x00, 0x20, 0x8E, 0xD8, 0xC6, 0x06, 0x10, 0x00, 0x5A, 0xC7, 0x06, 0x20, 0x00, 0x34, 0x12, 0xA0, 0x30,
            0x00, 0xE6, 0xF4, 0x66,
            0xA1, 0x40, 0x00, 0x66, 0xEF,
        ])
        #expect(guest.enter() == .mmioWrite(address: 0x20010, length: 1, value: 0x5A))
        #expect(guest.enter() == .mmioWrite(address: 0x20020, length: 2, value: 0x1234))
        #expect(guest.enter() == .mmioRead(address: 0x20030, length: 1))
        guest.vcpu.setMMIOValue(0xFFFF_FFFF_FFFF_FF77)
        #expect(guest.enter() == .portOut(port: 0xF4, size: 1, count: 1))
        #expect(guest.vcpu.portValue(0, size: 1) == 0x77)
        #expect(guest.enter() == .mmioRead(address: 0x20040, length: 4))
        guest.vcpu.setMMIOValue(0xCAFE_F00D)
        #expect(guest.enter() == .portOut(port: 0, size: 4, count: 1))
        #expect(guest.vcpu.portValue(0, size: 4) == 0xCAFE_F00D)
    }

    @Test func haltsWhereNoInterruptControllerIs() throws {
        #expect(try RealModeGuest([0xF4]).enter() == .halt)
    }

    @Test func aReadOnlySlotTurnsWritesIntoExits() throws {
        // mov ax, 0x2000; mov ds, ax; mov al, [0]; out 0xf4, al; mov [0], al
        let guest = try RealModeGuest([0xB8, 0x00, 0x20, 0x8E, 0xD8, 0xA0, 0x00, 0x00, 0xE6, 0xF4, 0xA2, 0x00, 0x00])
        let rom = try Mapping(anonymous: 4096, object: "a ROM")
        rom.base.storeBytes(of: 0x42, as: UInt8.self)
        try guest.vm.setMemory(slot: 1, guestAddress: 0x20000, memory: rom.base, count: 4096, readOnly: true)
        #expect(guest.enter() == .portOut(port: 0xF4, size: 1, count: 1))
        #expect(guest.vcpu.portValue(0, size: 1) == 0x42)
        #expect(guest.enter() == .mmioWrite(address: 0x20000, length: 1, value: 0x42))
    }

    @Test func memoryThatWasRemovedIsGone() throws {
        // mov ax, 0x2000; mov ds, ax; l: mov al, [0]; out 0xf4, al; jmp l
        let guest = try RealModeGuest([0xB8, 0x00, 0x20, 0x8E, 0xD8, 0xA0, 0x00, 0x00, 0xE6, 0xF4, 0xEB, 0xF9])
        let page = try Mapping(anonymous: 4096, object: "a page")
        page.base.storeBytes(of: 0x24, as: UInt8.self)
        try guest.vm.setMemory(slot: 1, guestAddress: 0x20000, memory: page.base, count: 4096)
        #expect(guest.enter() == .portOut(port: 0xF4, size: 1, count: 1))
        #expect(guest.vcpu.portValue(0, size: 1) == 0x24)
        try guest.vm.removeMemory(slot: 1)
        #expect(guest.enter() == .mmioRead(address: 0x20000, length: 1))
    }

    @Test func overlappingMemoryIsRefused() throws {
        let guest = try RealModeGuest([0xF4])
        let page = try Mapping(anonymous: 8192, object: "a page")
        #expect(throws: KVMError.self) {
            try guest.vm.setMemory(slot: 1, guestAddress: 0xF000, memory: page.base, count: 8192)
        }
    }

    /// No wake-up is lost: an exit asked for before the guest is entered comes as well as one asked for while it runs.
    @Test func anExitAskedForComes() throws {
        let guest = try RealModeGuest([0xEB, 0xFE])  // jmp $
        guest.vcpu.requestExit()
        #expect(guest.vcpu.enter() == .interrupted)
        #expect(guest.vcpu.enter() == .interrupted, "and stays asked for")
    }

    @Test func anExitAskedForWhileTheGuestRunsComes() throws {
        let guest = try RealModeGuest([0xB0, 0x01, 0xE6, 0xF4, 0xEB, 0xFE])  // mov al, 1; out 0xf4, al; jmp $
        #expect(guest.enter() == .portOut(port: 0xF4, size: 1, count: 1))
        Thread.prepare()
        let vcpu = guest.vcpu
        let runner = try Thread("vcpu") {
            // Tests run on a pool's threads, which block signals and hand that on.
            var kick = sigset_t()
            sigemptyset(&kick)
            sigaddset(&kick, cl_kick_signal())
            pthread_sigmask(SIG_UNBLOCK, &kick, nil)
            while vcpu.enter() != .interrupted {}
        }
        // Whether the thread is inside by now or not: it must come back.
        vcpu.requestExit()
        runner.kick()
        runner.join()
    }

    @Test("an instruction that KVM can't fetch is an internal error with registers")
    func fetchFailure() throws {
        let guest = try RealModeGuest([0xEA, 0x00, 0x00, 0x00, 0x20])  // ljmp 0x2000:0, where nothing is
        guard case .internalError(let suberror, _) = guest.enter() else {
            Issue.record("no internal error")
            return
        }
        #expect(suberror == 1)
        let (general, special) = (try guest.vcpu.registers(), try guest.vcpu.specialRegisters())
        #expect(special.cs.base + general.rip == 0x20000)
        #expect(guest.vcpu.internalErrorData(-1) == 0)
        #expect(guest.vcpu.internalErrorData(16) == 0)
    }

    @Test func registersKeepWhatIsWritten() throws {
        let guest = try RealModeGuest([0xF4])
        var registers = try guest.vcpu.registers()
        registers.r15 = 0x0123_4567_89AB_CDEF
        try guest.vcpu.setRegisters(registers)
        #expect(try guest.vcpu.registers().r15 == 0x0123_4567_89AB_CDEF)
    }

    /// KVM_RUN bypasses the kernel interface, so its error is reported as an exit.
    @Test func everyExitHasAKindOfItsOwn() {
        let exits: [VCPUExit] = [
            .portOut(port: 0, size: 1, count: 1), .portIn(port: 0, size: 1, count: 1),
            .mmioWrite(address: 0, length: 1, value: 0),
            .mmioRead(address: 0, length: 1), .interrupted, .halt, .shutdown, .systemEvent(type: 1),
            .internalError(suberror: 1, data: 0),
            .failEntry(hardwareReason: 0), .unknown(hardwareReason: 0), .debug, .hypercall(number: 0), .irqWindowOpen,
            .nmi, .setTPR,
            .ioapicEOI(vector: 0), .readMSR(index: 0), .writeMSR(index: 0), .busLock, .notify, .other(reason: 99),
            .failed(errno: 5),
        ]
        #expect(Set(exits.map(\.kind)) == Set(VCPUExit.Kind.allCases))
    }
}
