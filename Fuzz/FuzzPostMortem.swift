// Fuzzes what a post-mortem reads of a guest: page tables, stack, IDT and interrupt controllers, all of which the guest
// wrote. Whatever it left, nothing traps, no walk is longer than its bound, and what is said fits on a screen.
// tools/fuzz compiles this file together with the PostMortem room.
//
// The input: a byte of flags (bit 0: 64-bit code, bit 1: 32-bit code, bit 2: halted, bit 3: with names, bit 4: they are
// a Linux kernel's, bits 5 and 6: how old the names of its log are), then CR0, CR3, CR4, EFER, RIP, RSP, RBP and the
// IDT's address, 8 bytes each, and then RAM from address 0 on. The interrupt controllers are made of the same RAM.

import X86

/// RAM that counts how often it is read.
private final class CountedMemory: PhysicalMemory {
    let bytes: [UInt8]
    var reads = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func read(at address: UInt64, count: Int) -> [UInt8]? {
        reads += 1
        guard count >= 0, address <= UInt64(bytes.count), UInt64(count) <= UInt64(bytes.count) - address else {
            return nil
        }
        return Array(bytes[Int(address)..<Int(address) + count])
    }
}

private func symbols(isLinux: Bool) -> SymbolTable {
    SymbolTable([
        .init(address: 0x2000, size: 0x100, name: isLinux ? "asm_exc_page_fault" : "start", isCode: true),
        .init(address: 0x2100, size: 0, name: "work", isCode: true),
        .init(address: 0x2800, size: 0x100, name: "srso_return_thunk", isCode: true),
        .init(address: 0x2F00, size: 8, name: "early_idt_handler_array", isCode: true),
        .init(address: 0x3000, size: 8, name: "data", isCode: false),
    ])
}

/// The names that lead to a Linux kernel's log, of every age.
private func logSymbols(_ flags: UInt8) -> SymbolTable {
    var names: [(String, UInt64)] = [("log_buf", 0x88), ("log_buf_len", 0x90)]
    if flags & 0x20 != 0 { names.append(("prb", 0x80)) }
    names +=
        flags & 0x40 != 0
        ? [("log_first_idx", 0x98), ("log_next_idx", 0xA0)] : [("log_end", 0xA8), ("logged_chars", 0xB0)]
    return SymbolTable(names.map { .init(address: $0.1, size: 8, name: $0.0, isCode: false) })
}

private func check(_ log: KernelLog?) {
    guard let log else { return }
    if log.lines.isEmpty || log.lines.count > KernelLog.lineLimit { fatalError("\(log.lines.count) lines of a log") }
    if log.lines.reduce(0, { $0 + $1.utf8.count }) > KernelLog.byteLimit { fatalError("a log of any length") }
    if log.lines.contains(where: { $0.utf8.contains(10) || $0.utf8.count > 4 * KernelLog.lineLength + 64 }) {
        fatalError("a line of the log of any length")
    }
    if let panic = log.panic, !panic.hasPrefix("Kernel panic") { fatalError("a panic that is none") }
}

/// What libFuzzer calls for each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzPostMortem(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    guard bytes.count > 65 else { return 0 }
    func number(_ index: Int) -> UInt64 {
        bytes[1 + 8 * index..<9 + 8 * index].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    let flags = bytes[0]
    let memory = CountedMemory(Array(bytes[65...]))
    var registers = ProcessorRegisters()
    (registers.cr0, registers.cr3, registers.cr4, registers.efer) = (number(0), number(1), number(2), number(3))
    (registers.rip, registers.rsp, registers.rbp, registers.idtBase) = (number(4), number(5), number(6), number(7))
    registers.is64Bit = flags & 1 != 0
    registers.is32Bit = flags & 3 == 2
    registers.flags = number(4) & 1 << 9
    let virtual = VirtualMemory(registers.paging, memory)

    for address in [registers.rip, registers.rsp, registers.rbp, registers.idtBase] {
        memory.reads = 0
        let place = registers.paging.translate(address, memory)
        if memory.reads > 5 { fatalError("\(memory.reads) reads for one address") }
        if place != registers.paging.translate(address, memory) { fatalError("two answers for one address") }
    }
    var names: SymbolTable? = flags & 8 != 0 ? symbols(isLinux: flags & 16 != 0) : nil
    if let shift = names?.shift(registers, virtual) { names?.offset = shift }

    memory.reads = 0
    let frames = StackWalk(registers, virtual, symbols: names).frames()
    let limit = StackWalk<CountedMemory>.limit
    if frames.isEmpty || frames.count > limit { fatalError("\(frames.count) frames") }
    // A word of stack and the seven bytes before what it points to, each behind two pages at the most.
    if memory.reads > (1024 + 2 * limit) * 2 * 12 { fatalError("\(memory.reads) reads for one stack") }

    memory.reads = 0
    let log = KernelLog(logSymbols(flags), virtual, width: registers.is64Bit ? 8 : 4)
    check(log)
    // Descriptors and texts of a ring, or the steps of a chain of records: each read behind two pages at the most.
    if memory.reads > 20_000 * 2 * 12 { fatalError("\(memory.reads) reads for one log") }
    check(KernelLog(beginningAt: registers.rsp, memory))
    if virtual.linuxRanges.count > 512 { fatalError("more ranges than there are entries") }

    var vcpu = VCPUState(number: 0)
    vcpu.registers = registers
    vcpu.activity = flags & 4 != 0 ? .halted : .runnable
    vcpu.backtrace = frames
    vcpu.apic = LocalAPIC(page: Array(memory.bytes.prefix(1024)))
    var mortem = PostMortem(
        cause: .stopped, vcpus: [vcpu], ioapic: IOAPIC(state: Array(memory.bytes.suffix(216))), symbols: names)
    mortem.pic = PIC(first: Array(memory.bytes.prefix(16)), second: Array(memory.bytes.suffix(16)))
    mortem.log = log
    if mortem.shortLines.count > 45 { fatalError("\(mortem.shortLines.count) short lines") }
    if mortem.lines.count > 145 { fatalError("\(mortem.lines.count) lines") }
    if mortem.lines.contains(where: { $0.utf8.count > 1000 }) { fatalError("a line of any length") }

    _ = SymbolTable(map: memory.bytes)?.name(of: registers.rip)
    let file = memory.bytes
    let elf = SymbolTable(elf: { offset, count in
        guard count >= 0, offset <= UInt64(file.count), UInt64(count) <= UInt64(file.count) - offset else { return nil }
        return Array(file[Int(offset)..<Int(offset) + count])
    })
    _ = elf?.name(of: registers.rip)
    return 0
}
