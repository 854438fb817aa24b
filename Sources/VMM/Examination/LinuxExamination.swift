import LinuxSystem
import PostMortem
import X86

extension Machine {
    /// A console with fewer bytes shows little of a kernel.
    private static let littleOutput = 1024

    /// Examines the memory of a Linux that printed little or nothing on the console, and advises how to make it print.
    func examineLinux(_ registers: [ProcessorRegisters?], _ symbols: SymbolTable?) -> (log: KernelLog?, hints: [String])
    {
        guard let loaded, console.byteCount < Self.littleOutput, loaded.isLinux(in: memory) else { return (nil, []) }
        var stage = registers.first.map { SilentLinux.stage($0) } ?? .unknown
        let log = log(registers, symbols, searches: stage != .decompressor)
        if log != nil { stage = .logging }
        guard console.byteCount == 0 else { return (log, []) }
        return (log, SilentLinux(commandLine: LinuxCommandLine(loaded.commandLine), stage: stage).hints)
    }

    private func log(_ registers: [ProcessorRegisters?], _ symbols: SymbolTable?, searches: Bool) -> KernelLog? {
        let memories = registers.compactMap { $0 }.flatMap { registers in
            // With CONFIG_PAGE_TABLE_ISOLATION a process's page tables map none of the kernel's data; the kernel's own
            // tables are the page beside them.
            let kernels = registers.is64Bit && registers.privilege > 0 ? [registers.cr3 & ~0x1000] : []
            return (kernels + [registers.cr3]).map { root in
                (
                    Paging(cr0: registers.cr0, cr3: root, cr4: registers.cr4, efer: registers.efer),
                    registers.is64Bit ? 8 : 4
                )
            }
        }.prefix(4).map { (VirtualMemory($0.0, ExaminedMemory(memory: memory)), $0.1) }
        if let symbols {
            for (memory, width) in memories { if let log = KernelLog(symbols, memory, width: width) { return log } }
        }
        guard searches else { return nil }
        let search = MemorySearch(memory, seconds: 5)
        var ranges: [Range<UInt64>] = []
        for (memory, width) in memories where width == 8 && ranges.isEmpty { ranges = memory.linuxRanges }
        for range in ranges + memory.regions.map(\.range) { if let log = search.kernelLog(in: range) { return log } }
        return nil
    }
}

extension MemorySearch {
    /// The size of the part that is searched at once, from a range's end backwards: the log follows the kernel's code.
    private static let part: UInt64 = 4 << 20

    /// Returns the log that begins in a range; nil for none.
    fileprivate func kernelLog(in range: Range<UInt64>) -> KernelLog? {
        var end = range.upperBound
        while end > range.lowerBound, !isOver {
            // The search has its own time limit, so the process continues even past its own.
            EndingSignals.prolong()
            let start = max(range.lowerBound, end - min(end, Self.part))
            // A text that begins in this part may end in the next one.
            let part = start..<min(end + UInt64(KernelLog.beginning.count - 1), range.upperBound)
            if let log = firstLog(in: part) { return log }
            end = start
        }
        return nil
    }

    private func firstLog(in range: Range<UInt64>) -> KernelLog? {
        var rest = range
        // The words also occur in the kernel's data, and in files that it has read.
        for _ in 0..<64 {
            guard let place = first(KernelLog.beginning, in: rest) else { return nil }
            if let log = KernelLog(beginningAt: place, ExaminedMemory(memory: memory)) { return log }
            rest = place + 1..<range.upperBound
        }
        return nil
    }
}
