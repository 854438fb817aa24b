import PostMortem
import Testing
import TestSupport
import X86

struct StackWalkTests {
    private static let symbols = SymbolTable([
        .init(address: 0x1000, size: 0x100, name: "inner", isCode: true),
        .init(address: 0x1100, size: 0x100, name: "middle", isCode: true),
        .init(address: 0x1200, size: 0x100, name: "outer", isCode: true),
        .init(address: 0x1300, size: 0x100, name: "srso_return_thunk", isCode: true),
        .init(address: 0x9000, size: 0x100, name: "table", isCode: false),
    ])
    private static let flat = Paging(cr0: 0, cr3: 0, cr4: 0, efer: 0)

    /// Code with calls that end at 0x1110 and 0x1220, the second through a register.
    private func code(_ count: Int = 1 << 20) -> MemoryImage {
        var memory = MemoryImage(count: count)
        memory.put(0xE8, at: 0x1110 - 5, width: 1)
        memory.put(0xD0FF, at: 0x1220 - 2, width: 2)
        return memory
    }

    private func registers(rsp: UInt64, rbp: UInt64) -> ProcessorRegisters {
        var registers = ProcessorRegisters()
        (registers.rip, registers.rsp, registers.rbp, registers.is64Bit) = (0x1010, rsp, rbp, true)
        return registers
    }

    @Test func framePointers() {
        var memory = code()
        memory.put(0x8100, at: 0x8010)
        memory.put(0x1110, at: 0x8018)
        memory.put(0, at: 0x8100)
        memory.put(0x1220, at: 0x8108)
        // Between the frames lies a value that only looks like a return address.
        memory.put(0x1220, at: 0x8050)
        let frames = StackWalk(
            registers(rsp: 0x8000, rbp: 0x8010), VirtualMemory(Self.flat, memory), symbols: Self.symbols
        ).frames()
        #expect(frames.map(\.symbol) == ["inner+0x10", "middle+0x10", "outer+0x20"])
        #expect(frames.allSatisfy { $0.isCertain })
    }

    @Test func aStackWithoutFramePointers() {
        var memory = code()
        memory.put(0x1110, at: 0x8008)
        // Code, but not behind a call; data that looks as if it were; and a return address.
        memory.put(0xE8, at: 0x9010 - 5, width: 1)
        memory.put(0x1150, at: 0x8010)
        memory.put(0x9010, at: 0x8018)
        memory.put(0x1220, at: 0x8020)
        // What stands in place of a return instruction calls something and leaves its address.
        memory.put(0xE8, at: 0x1305 - 5, width: 1)
        memory.put(0x1305, at: 0x8028)
        let frames = StackWalk(registers(rsp: 0x8000, rbp: 1), VirtualMemory(Self.flat, memory), symbols: Self.symbols)
            .frames()
        #expect(frames.map(\.address) == [0x1010, 0x1110, 0x1220])
        #expect(frames.map(\.isCertain) == [true, false, false])
    }

    /// As Linux's interrupt stacks do: at the end, behind which nothing is mapped, stands where the interrupted one was
    /// left.
    @Test func anInterruptsStackLeadsToTheOneBelow() {
        var memory = code(0x10000)
        memory.put(0x1110, at: 0xFF80)
        memory.put(0x8200, at: 0xFFF8)
        memory.put(0x1220, at: 0x8000)
        memory.put(0x1220, at: 0x8208)
        let frames = StackWalk(registers(rsp: 0xFF00, rbp: 1), VirtualMemory(Self.flat, memory), symbols: Self.symbols)
            .frames()
        #expect(frames.map(\.address) == [0x1010, 0x1110, 0x1220])
        // One that leads to itself ends too.
        memory.put(0xFF00, at: 0xFFF8)
        let looped = StackWalk(registers(rsp: 0xFF00, rbp: 1), VirtualMemory(Self.flat, memory), symbols: Self.symbols)
            .frames()
        #expect(looped.map(\.address) == [0x1010, 0x1110, 0x1110, 0x1110])
    }

    @Test func whatACallLeftBelowTheStackPointerIsFound() {
        var memory = code()
        memory.put(0x1110, at: 0x7FF0)
        memory.put(0x1220, at: 0x8020)
        memory.put(0x1110, at: 0x7E00)
        let walk = StackWalk(registers(rsp: 0x8000, rbp: 1), VirtualMemory(Self.flat, memory), symbols: Self.symbols)
        #expect(walk.leftovers().map(\.address) == [0x1010, 0x1110, 0x1220])
        #expect(walk.frames().map(\.address) == [0x1010, 0x1220])
    }

    @Test func framesOfExceptionsAreToldFromOtherWords() {
        var memory = code()
        func frame(
            _ place: UInt64, rip: UInt64 = 0x1050, cs: UInt64 = 8, flags: UInt64 = 0x202, rsp: UInt64? = nil,
            ss: UInt64 = 0x10
        ) {
            for (index, word) in [rip, cs, flags, rsp ?? place + 40, ss].enumerated() {
                memory.put(word, at: place + UInt64(8 * index))
            }
        }
        frame(0x8108)
        frame(0x7F08, rip: 0x1150, flags: 0x1_0046, rsp: 0x8200, ss: 0)
        // What no exception leaves: other segments, flags that can't be, a stack pointer below or far away, no code, a
        // place that isn't aligned.
        frame(0x7E08, cs: 0x10)
        frame(0x7D08, flags: 0x200)
        frame(0x7C08, flags: 1 << 40 | 2)
        frame(0x7B08, rsp: 0x7A00)
        frame(0x7A08, rsp: 0x9_0000)
        frame(0x7908, rip: 0x9010)
        frame(0x7800)
        frame(0x7708, ss: 0x18)
        func found(_ registers: ProcessorRegisters) -> [ExceptionFrame] {
            StackWalk(registers, VirtualMemory(Self.flat, memory), symbols: Self.symbols).exceptionFrames(
                code: 8, stack: 0x10)
        }
        let frames = found(registers(rsp: 0x8004, rbp: 0))
        #expect(frames.map(\.instruction) == [0x1050, 0x1150])
        #expect(frames.map(\.symbol) == ["inner+0x50", "middle+0x50"])
        #expect(frames.map(\.address) == [0x8108, 0x7F08])
        #expect(frames.map(\.stackPointer) == [0x8130, 0x8200])
        for rsp: UInt64 in [0, 0x10, .max, 1 << 63] { #expect(found(registers(rsp: rsp, rbp: 0)).count <= 256) }
        var other = registers(rsp: 0x8000, rbp: 0)
        other.is64Bit = false
        #expect(found(other).isEmpty)
    }

    @Test func stacksThatLeadNowhere() {
        var memory = code()
        // A frame that is its own caller, and a stack full of return addresses.
        for place: UInt64 in stride(from: 0x8000, to: 0xC000, by: 8) { memory.put(0x1110, at: place) }
        memory.put(0x8010, at: 0x8010)
        for (rsp, rbp) in [
            (0x8000, 0x8010), (0x8000, .max), (.max, .max), (0xFFFF_FFFF_FFFF_FFF9, 8), (1 << 40, 1 << 40),
        ] as [(UInt64, UInt64)] {
            let frames = StackWalk(
                registers(rsp: rsp, rbp: rbp), VirtualMemory(Self.flat, memory), symbols: Self.symbols
            ).frames()
            #expect((1...24).contains(frames.count))
        }
    }
}
