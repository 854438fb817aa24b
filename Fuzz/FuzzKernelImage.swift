// Fuzzes the planner: any bytes as a kernel file give a plan that holds to its invariants or a BootError, in bounded time and memory.
//
// The input is the kernel file. Its last byte, which few files need, also chooses the guest's memory (bits 0 and 1), the format asked for
// (bits 2 and 3) and the number of modules (bits 4 and 5). tools/fuzz compiles this file together with the Boot room.
// The seeds in corpus/kernel_image are what the builders of Tests/BootTests/ImageBuilders.swift make, that byte appended.

private let guestMemories: [MemoryMap] = [
    MemoryMap(belowFourGiB: 128 << 20),
    MemoryMap(belowFourGiB: 2 << 20),
    MemoryMap(belowFourGiB: 0x90000),
    MemoryMap(
        belowFourGiB: 3 << 30, aboveFourGiB: 1 << 40, lowLimit: 3 << 30,
        reserved: [
            MemoryMap.Region(start: 0x90000, size: 0x8000, kind: .acpiReclaimable, name: "ACPI tables"),
            MemoryMap.Region(start: 0xe000_0000, size: 0x1000_0000, kind: .reserved, name: "ECAM"),
        ]),
]

private let formats: [KernelFormat?] = [nil, .pvh, .multiboot, .flat]

private func checkPlan(of bytes: [UInt8]) {
    let choice = Int(bytes.last ?? 0)
    let memory = guestMemories[choice & 3]
    let modules = (0..<(choice >> 4 & 3)).map {
        LoadPlan.Module(name: "module\($0)", size: UInt64(choice) << UInt64(6 * $0), commandLine: $0 == 1 ? "arguments" : "")
    }
    do throws(BootError) {
        let plan = try LoadPlan.plan(
            image: InMemoryImage(bytes), name: choice & 0x40 == 0 ? "kernel" : "kernel.bin",
            commandLine: choice & 0x80 == 0 ? "" : "irq=msix", modules: modules, memory: memory, format: formats[choice >> 2 & 3])
        let violations = LoadPlanInvariants.violations(
            of: plan, kernelSize: UInt64(bytes.count), modules: modules, memory: memory)
        if !violations.isEmpty { fatalError("unsound \(plan.format) plan: \(violations)") }
    } catch {
        if error.description.isEmpty { fatalError("an error without a sentence") }
    }
}

/// What libFuzzer calls for each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzKernelImage(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    checkPlan(of: Array(UnsafeBufferPointer(start: data, count: count)))
    return 0
}
