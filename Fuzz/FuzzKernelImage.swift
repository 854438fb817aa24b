// Fuzzes the planner: any bytes as a kernel file give a plan that holds to its invariants or a BootError, in bounded
// time and memory.
//
// The input is the kernel file. Its last two bytes, which few files need, also choose: the last one the guest's memory
// (bits 0 and 1), the format asked for (bits 2 and 3, and bit 0 of the one before), the number of modules (bits 4 and
// 5), a name that ends in .bin (6) and a command line (7); bits 1 to 5 of the one before how large the modules are, up
// to some hundred GiB, and bits 6 and 7 what kind of disk is asked for. A CD's input is what lies from its sector 16
// on: all before it is zero, since no CD says there how it boots. What begins as gzip's files do is decompressed too,
// up to a MiB. tools/fuzz compiles this file together with the Boot room. The seeds in corpus/kernel_image are what the
// builders of Tests/BootTests make, those bytes appended.

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

private let formats: [KernelFormat?] = [nil, .pvh, .multiboot, .flat, .linux, .linux64, .linux32, .linux16]

/// Counts what is read of an image, so that no plan costs memory in proportion to what a field says.
private final class MeteredImage: ImageSource {
    let image: InMemoryImage
    private(set) var bytesRead = 0

    init(_ bytes: [UInt8], behind zeros: Int) { image = InMemoryImage([UInt8](repeating: 0, count: zeros) + bytes) }

    var size: UInt64 { image.size }

    func read(at offset: UInt64, count: Int) throws -> [UInt8] {
        bytesRead += count
        if count > 1 << 16 { fatalError("\(count) bytes read at once") }
        return try image.read(at: offset, count: count)
    }
}

private func checkDecompression(of bytes: [UInt8]) {
    do throws(BootError) {
        let image = InMemoryImage(bytes)
        guard try GzipFile.isOne(image) else { return }
        let contents = try GzipFile.contents(of: image, limit: 1 << 20)
        if contents.count > 1 << 20 { fatalError("\(contents.count) bytes where 1 MiB is the limit") }
    } catch {
        if error.description.isEmpty { fatalError("an error without a sentence") }
    }
}

private func checkPlan(of bytes: [UInt8]) {
    let choice = Int(bytes.last ?? 0)
    let further = Int(bytes.dropLast().last ?? 0)
    let memory = guestMemories[choice & 3]
    let modules = (0..<(choice >> 4 & 3)).map {
        LoadPlan.Module(
            name: "module\($0)", size: UInt64(choice) << UInt64(6 * $0 + further >> 1 & 31),
            commandLine: $0 == 1 ? "arguments" : "")
    }
    checkDecompression(of: bytes)
    let kind = [nil, DiskImage.Kind.floppy, .disk, .cd][further >> 6]
    let image = MeteredImage(bytes, behind: kind == .cd ? 16 * 2048 : 0)
    defer { if image.bytesRead > 1 << 18 { fatalError("\(image.bytesRead) bytes read") } }
    do throws(BootError) {
        let plan = try LoadPlan.plan(
            image: image, name: choice & 0x40 == 0 ? "kernel" : "kernel.bin",
            commandLine: choice & 0x80 == 0 ? "" : "irq=msix", modules: modules, memory: memory,
            format: formats[choice >> 2 & 3 | further << 2 & 4],
            diskKind: kind)
        let violations = LoadPlanInvariants.violations(
            of: plan, kernelSize: image.size, modules: modules, memory: memory)
        if !violations.isEmpty { fatalError("unsound \(plan.format) plan: \(violations)") }
        if plan.blobs.reduce(0, { $0 + $1.bytes.count }) > 1 << 17 { fatalError("a plan with large blobs") }
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
