#if canImport(Boot)
    import Boot
#endif

/// What every plan must hold to, worked out from its public parts alone. The fuzzer compiles this file beside the room
/// itself.
enum LoadPlanInvariants {
    /// Everything about a plan that is wrong; empty for a sound one.
    static func violations(
        of plan: LoadPlan, kernelSize: UInt64, modules: [LoadPlan.Module] = [], memory: MemoryMap
    ) -> [String] {
        var found: [String] = []
        var extents: [(name: String, start: UInt64, size: UInt64)] = []
        for segment in plan.segments {
            extents.append((segment.name, segment.guestAddress, segment.memorySize))
            if segment.fileSize > segment.memorySize {
                found.append("\(segment.name) has more bytes in the file than in memory")
            }
            let available: UInt64
            switch segment.source {
            case .kernel: available = kernelSize
            case .module(let index): available = modules.indices.contains(index) ? modules[index].size : 0
            }
            let (end, overflow) = segment.fileOffset.addingReportingOverflow(segment.fileSize)
            if overflow || end > available { found.append("\(segment.name) reaches past its file") }
        }
        extents += plan.blobs.map { ($0.name, $0.guestAddress, UInt64($0.bytes.count)) }

        for extent in extents where extent.size > 0 && !isRAM(extent.start, extent.size, in: memory) {
            found.append("\(extent.name) lies outside RAM")
        }
        let sorted = extents.filter { $0.size > 0 }.sorted { $0.start < $1.start }
        for (left, right) in zip(sorted, sorted.dropFirst())
        where left.start.addingReportingOverflow(left.size).partialValue > right.start {
            found.append("\(left.name) overlaps \(right.name)")
        }
        // Firmware enters a disk's code, and loads it.
        found += plan.disk.map { diskViolations(of: $0, kernelSize: kernelSize) } ?? entryViolations(of: plan)
        return found + linuxViolations(of: plan, modules: modules, memory: memory)
    }

    private static func isRAM(_ start: UInt64, _ size: UInt64, in memory: MemoryMap) -> Bool {
        let (end, overflow) = start.addingReportingOverflow(size)
        return memory.regions.contains {
            $0.kind == .ram && $0.start <= start && !overflow && end <= $0.start + $0.size
        }
    }

    /// What the boot ROM calculates with and loads.
    private static func diskViolations(of disk: DiskImage, kernelSize: UInt64) -> [String] {
        var found: [String] = []
        if disk.start >= kernelSize { found.append("the disk begins behind its file") }
        if !(1...1024 as ClosedRange).contains(disk.cylinders) || !(1...255 as ClosedRange).contains(disk.heads)
            || !(1...63 as ClosedRange).contains(disk.trackSectors)
        {
            found.append("the disk's geometry is \(disk.cylinders), \(disk.heads), \(disk.trackSectors)")
        }
        guard let cd = disk.cd else { return found }
        let size = UInt64(cd.count) * 512
        if size == 0 || UInt64(cd.first) * 2048 + size > kernelSize {
            found.append("the CD's boot code lies outside its file")
        }
        if UInt64(cd.segment) * 16 < 0x500 || UInt64(cd.segment) * 16 + size > 0x9fc00 {
            found.append("the CD's boot code is loaded over the BIOS's data")
        }
        return found
    }

    private static func entryViolations(of plan: LoadPlan) -> [String] {
        var found: [String] = []
        let entry = UInt64(plan.entry.cs.base) + UInt64(plan.entry.instructionPointer)
        let blobs = plan.blobs.map { (start: $0.guestAddress, size: UInt64($0.bytes.count)) }
        let segments = plan.segments.filter { $0.source == .kernel }.map {
            (start: $0.guestAddress, size: $0.memorySize)
        }
        // Only Linux's setup code is a blob: it is the file's, but for the fields that a loader fills in.
        if !(segments + (plan.format == .linux16 ? blobs : [])).contains(where: {
            entry >= $0.start && entry - $0.start < $0.size
        }) {
            found.append("the entry point lies outside the kernel")
        }
        if plan.entry.mode != .real16 {
            let information = plan.format == .linux32 || plan.format == .linux64 ? plan.entry.esi : plan.entry.ebx
            if !blobs.contains(where: { $0.start == UInt64(information) }) {
                found.append("ESI or EBX points to no blob")
            }
            if !blobs.contains(where: { $0 == (UInt64(plan.entry.gdtBase), UInt64(plan.entry.gdtLimit) + 1) }) {
                found.append("there is no GDT")
            }
        }
        if plan.entry.mode == .long64,
            !blobs.contains(where: { $0 == (UInt64(plan.entry.cr3), 6 * 4096) && $0.start % 4096 == 0 })
        {
            found.append("CR3 points to no page tables")
        }
        if plan.needsFirmware != (plan.format == .linux16) { found.append("a \(plan.format) plan and firmware") }
        return found
    }

    /// What the setup header tells the kernel must be where it says, and what the kernel will write over must hold
    /// nothing else.
    private static func linuxViolations(of plan: LoadPlan, modules: [LoadPlan.Module], memory: MemoryMap) -> [String] {
        let headerAddress: UInt64
        switch plan.format {
        case .linux32, .linux64: headerAddress = UInt64(plan.entry.esi)
        case .linux16: headerAddress = UInt64(plan.entry.data.base)
        case .linux: return ["the plan doesn't say which entry it takes"]
        case .pvh, .multiboot, .disk, .flat: return []
        }
        guard let header = plan.blobs.first(where: { $0.guestAddress == headerAddress })?.bytes, header.count >= 1024
        else {
            return ["there is no setup header"]
        }
        func field(_ offset: Int, _ count: Int) -> UInt64 {
            header[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        let version = field(0x206, 2)
        let end = 0x202 + Int(field(0x201, 1))
        var found: [String] = []

        let initrd = plan.segments.first { $0.source == .module(0) }
        var (start, size) = (field(0x218, 4), field(0x21c, 4))
        if plan.format != .linux16 { (start, size) = (start | field(0x0c0, 4) << 32, size | field(0x0c4, 4) << 32) }
        if let initrd {
            // Several initrds lie one behind the other, and the kernel takes them for one.
            let end = plan.segments.reduce(initrd.guestAddress + initrd.memorySize) { end, segment in
                guard case .module = segment.source else { return end }
                return max(end, segment.guestAddress + segment.memorySize)
            }
            if (start, size) != (initrd.guestAddress, end - initrd.guestAddress) {
                found.append("the header has the initrd elsewhere")
            }
            let limit = version >= 0x203 && end >= 0x230 ? field(0x22c, 4) : 0x37ff_ffff
            let isFree = version >= 0x20c && end >= 0x238 && field(0x236, 2) & 2 != 0
            if start % 4096 != 0 || !isFree && start + size - 1 > limit {
                found.append("the initrd is beyond the kernel's reach")
            }
        } else if modules.first.map({ $0.size > 0 }) ?? false {
            found.append("the initrd is missing")
        }

        if version >= 0x202, end >= 0x22c,
            !plan.blobs.contains(where: { $0.guestAddress == field(0x228, 4) && $0.bytes.last == 0 })
        {
            found.append("there is no command line where the header says")
        }
        guard version >= 0x20a, end >= 0x264, field(0x211, 1) & 1 != 0 else { return found }
        let preferred = field(0x258, 8)
        let load = field(0x214, 4)
        var runtime = preferred > 0 ? preferred : load
        if field(0x234, 1) != 0 {
            let alignment = max(field(0x230, 4), 1)
            runtime = (max(load, preferred) + alignment - 1) / alignment * alignment
        }
        let needed = field(0x260, 4)
        if needed > 0, !isRAM(runtime, needed, in: memory) { found.append("the kernel runs outside RAM") }
        let (runtimeEnd, _) = runtime.addingReportingOverflow(needed)
        let others = plan.segments.filter { $0.source != .kernel }.map { ($0.name, $0.guestAddress, $0.memorySize) }
        for (name, start, size) in others + plan.blobs.map({ ($0.name, $0.guestAddress, UInt64($0.bytes.count)) })
        where size > 0 && start < runtimeEnd && runtime < start + size {
            found.append("\(name) lies where the kernel will run")
        }
        return found
    }
}
