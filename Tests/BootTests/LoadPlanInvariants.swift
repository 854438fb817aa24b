#if canImport(Boot)
    import Boot
#endif

/// What every plan must hold to, worked out from its public parts alone. The fuzzer compiles this file beside the room itself.
enum LoadPlanInvariants {
    /// Everything about a plan that is wrong; empty for a sound one.
    static func violations(
        of plan: LoadPlan, kernelSize: UInt64, modules: [LoadPlan.Module] = [], memory: MemoryMap
    ) -> [String] {
        var found: [String] = []
        var extents: [(name: String, start: UInt64, size: UInt64)] = []
        for segment in plan.segments {
            extents.append((segment.name, segment.guestAddress, segment.memorySize))
            if segment.fileSize > segment.memorySize { found.append("\(segment.name) has more bytes in the file than in memory") }
            let available: UInt64
            switch segment.source {
            case .kernel: available = kernelSize
            case .module(let index): available = modules.indices.contains(index) ? modules[index].size : 0
            }
            let (end, overflow) = segment.fileOffset.addingReportingOverflow(segment.fileSize)
            if overflow || end > available { found.append("\(segment.name) reaches past its file") }
        }
        extents += plan.blobs.map { ($0.name, $0.guestAddress, UInt64($0.bytes.count)) }

        for extent in extents where extent.size > 0 {
            let (end, overflow) = extent.start.addingReportingOverflow(extent.size)
            let inside = memory.regions.contains {
                $0.kind == .ram && $0.start <= extent.start && !overflow && end <= $0.start + $0.size
            }
            if !inside { found.append("\(extent.name) lies outside RAM") }
        }
        let sorted = extents.filter { $0.size > 0 }.sorted { $0.start < $1.start }
        for (left, right) in zip(sorted, sorted.dropFirst()) where left.start.addingReportingOverflow(left.size).partialValue > right.start {
            found.append("\(left.name) overlaps \(right.name)")
        }
        found += entryViolations(of: plan)
        return found
    }

    private static func entryViolations(of plan: LoadPlan) -> [String] {
        var found: [String] = []
        let entry = UInt64(plan.entry.cs.base) + UInt64(plan.entry.instructionPointer)
        let isLoaded = plan.segments.contains {
            $0.source == .kernel && entry >= $0.guestAddress && entry - $0.guestAddress < $0.memorySize
        }
        if !isLoaded { found.append("the entry point lies outside the kernel") }
        if plan.entry.mode == .protected32 {
            if !plan.blobs.contains(where: { $0.guestAddress == UInt64(plan.entry.ebx) }) { found.append("EBX points to no blob") }
            if !plan.blobs.contains(where: { $0.guestAddress == UInt64(plan.entry.gdtBase) }) { found.append("there is no GDT") }
        }
        return found
    }
}
