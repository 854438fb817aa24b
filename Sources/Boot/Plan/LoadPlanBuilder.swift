import Bytes

/// Places a recognised kernel, its modules and the boot structures, in this order.
struct LoadPlanBuilder {
    private let name: String
    let commandLine: String
    let modules: [LoadPlan.Module]
    let rsdpAddress: UInt64
    let memory: MemoryMap

    var layout: GuestLayout
    private var segments: [LoadPlan.Segment] = []
    private var blobs: [LoadPlan.Blob] = []
    private var kernel: [AddressRange] = []

    static let pageSize: UInt64 = 4096

    /// Below the legacy hole and above all addresses that test kernels use: kvm-unit-tests use 0 to 0x1fff and 0x8000
    /// to 0xda30.
    private static let lowWindow: Range<UInt64> = 0x90000..<0x9fc00
    private static let widerLowWindow: Range<UInt64> = 0x10000..<0x9fc00
    private static let blobWindows: [GuestLayout.Window] = [
        .init(lowWindow, .bottom), .init(widerLowWindow, .top), .init(highWindow, .bottom),
    ]
    /// Without the last page, so that the end of a range in it is also a 32-bit number.
    static let highWindow: Range<UInt64> = 0x100000..<MemoryMap.fourGiB - pageSize

    /// The range where Linux accepts an initrd (`initrd_addr_max` of its boot protocol).
    private static let initrdWindow: Range<UInt64> = 0x100000..<0x3800_0000

    init(name: String, commandLine: String, modules: [LoadPlan.Module], rsdpAddress: UInt64, memory: MemoryMap) {
        self.name = name
        self.commandLine = commandLine
        self.modules = modules
        self.rsdpAddress = rsdpAddress
        self.memory = memory
        layout = GuestLayout(memory: memory)
    }

    /// Claims the kernel's own segments.
    mutating func load(_ kernel: [LoadPlan.Segment]) throws(BootError) {
        try layout.claim(kernel)
        kernel.forEach { add($0) }
    }

    /// Adds a segment of the kernel whose place is already claimed.
    mutating func add(_ segment: LoadPlan.Segment) {
        segments.append(segment)
        if let range = AddressRange(start: segment.guestAddress, size: segment.memorySize) { kernel.append(range) }
    }

    /// Adds bytes whose place is already claimed.
    mutating func add(_ blob: LoadPlan.Blob) {
        blobs.append(blob)
    }

    /// Completes the plan of a PVH kernel: modules at the top of low memory, where Linux expects its initrd.
    mutating func pvh(_ note: PVHNote) throws(BootError) -> LoadPlan {
        let entry = try checkEntry(UInt64(note.entry), field: "PVH note: entry")
        var list = ByteWriter()
        for (index, module) in modules.enumerated() {
            let address = try place(
                module, index: index, in: [.init(Self.initrdWindow, .top), .init(Self.highWindow, .bottom)])
            let arguments =
                module.commandLine.isEmpty ? 0 : try addText(module.commandLine, name: "arguments of \(module.name)")
            list.append(
                contentsOf: PVHStartInfo.ModuleEntry(
                    address: address, size: module.size, commandLineAddress: UInt64(arguments)
                ).bytes)
        }
        var info = PVHStartInfo()
        info.rsdpAddress = rsdpAddress
        info.commandLineAddress = UInt64(try addText(commandLine, name: "the command line"))
        info.memoryMapAddress = UInt64(try addBlob(memory.pvhTable, name: "the memory map"))
        info.memoryMapEntries = UInt32(truncatingIfNeeded: memory.regions.count)
        if !modules.isEmpty {
            info.moduleCount = UInt32(truncatingIfNeeded: modules.count)
            info.moduleListAddress = UInt64(try addBlob(list.bytes, name: "the module list"))
        }
        let infoAddress = try addBlob(info.bytes, name: "the PVH start info")
        let gdt = try addBlob(EntryState.flatGDT, name: "the GDT")
        return plan(.pvh, entry: .protected32(instructionPointer: entry, ebx: infoAddress, gdtBase: gdt))
    }

    /// Completes the plan of a multiboot kernel: modules on the pages after it, as other boot loaders do.
    mutating func multiboot(entry: UInt64, field: String) throws(BootError) -> LoadPlan {
        let entry = try checkEntry(entry, field: field)
        let kernelEnd = min(max(layout.end, Self.highWindow.lowerBound), Self.highWindow.upperBound)
        var list = ByteWriter()
        for (index, module) in modules.enumerated() {
            let address = try place(
                module, index: index,
                in: [.init(kernelEnd..<Self.highWindow.upperBound, .bottom), .init(Self.highWindow, .bottom)])
            let string = try addText(joined(module.name, module.commandLine), name: "the string of \(module.name)")
            let start = UInt32(truncatingIfNeeded: address)
            let end = UInt32(truncatingIfNeeded: address + module.size)
            list.append(contentsOf: MultibootInfo.ModuleEntry(start: start, end: end, stringAddress: string).bytes)
        }
        var info = MultibootInfo()
        info.lowerKiB = memory.lowerKiB
        info.upperKiB = memory.upperKiB
        info.commandLineAddress = try addText(joined(name, commandLine), name: "the command line")
        info.loaderNameAddress = try addText("swiftlet", name: "the boot loader's name")
        let map = memory.multibootTable
        info.memoryMapAddress = try addBlob(map, name: "the memory map")
        info.memoryMapSize = UInt32(truncatingIfNeeded: map.count)
        if !modules.isEmpty {
            info.moduleCount = UInt32(truncatingIfNeeded: modules.count)
            info.moduleListAddress = try addBlob(list.bytes, name: "the module list")
        }
        let infoAddress = try addBlob(info.bytes, name: "the multiboot information")
        let gdt = try addBlob(EntryState.multibootGDT, name: "the GDT")
        return plan(.multiboot, entry: .multiboot32(instructionPointer: entry, information: infoAddress, gdtBase: gdt))
    }

    /// Completes the plan of a flat binary, which receives nothing.
    func flat() throws(BootError) -> LoadPlan {
        guard commandLine.isEmpty else { throw .nothingTakesIt(what: "a command line", format: .flat) }
        guard modules.isEmpty else { throw .nothingTakesIt(what: "an initrd or module", format: .flat) }
        return plan(.flat, entry: FlatImage.entry)
    }

    /// Completes the plan of a disk, whose boot sector firmware loads to 0000:7c00.
    func disk(_ disk: DiskImage) throws(BootError) -> LoadPlan {
        guard commandLine.isEmpty else { throw .nothingTakesIt(what: "a command line", format: .disk) }
        guard modules.isEmpty else { throw .nothingTakesIt(what: "an initrd or module", format: .disk) }
        let entry = EntryState.real16(
            codeSegment: 0, instructionPointer: 0x7c00, dataSegment: 0, stackSegment: 0, stackPointer: 0x7c00)
        return LoadPlan(format: .disk, segments: [], blobs: [], entry: entry, disk: disk)
    }

    /// Returns the plan of everything that was placed.
    func plan(_ format: KernelFormat, entry: EntryState) -> LoadPlan {
        LoadPlan(format: format, segments: segments, blobs: blobs, entry: entry, disk: nil)
    }

    func checkEntry(_ entry: UInt64, field: String) throws(BootError) -> UInt32 {
        guard let address = UInt32(exactly: entry), kernel.contains(where: { $0.contains(entry) }) else {
            throw .entryOutsideKernel(field: field, entry: entry)
        }
        return address
    }

    private mutating func place(
        _ module: LoadPlan.Module, index: Int, in windows: [GuestLayout.Window]
    ) throws(BootError) -> UInt64 {
        let address = try layout.place(
            size: module.size, alignment: Self.pageSize, in: windows, for: "module \(module.name)")
        add(module, index: index, at: address)
        return address
    }

    /// Adds a module whose place is already claimed.
    mutating func add(_ module: LoadPlan.Module, index: Int, at address: UInt64) {
        segments.append(
            LoadPlan.Segment(
                name: "module \(module.name)", source: .module(index), guestAddress: address, fileOffset: 0,
                fileSize: module.size,
                memorySize: module.size))
    }

    mutating func addText(
        _ text: String, name: String, in windows: [GuestLayout.Window] = blobWindows
    ) throws(BootError) -> UInt32 {
        var writer = ByteWriter()
        writer.append(terminated: text)
        return try addBlob(writer.bytes, name: name, in: windows)
    }

    /// Places generated bytes below 4 GiB.
    mutating func addBlob(
        _ bytes: [UInt8], name: String, alignment: UInt64 = 16, in windows: [GuestLayout.Window] = blobWindows
    ) throws(BootError) -> UInt32 {
        let address = try layout.place(size: UInt64(bytes.count), alignment: alignment, in: windows, for: name)
        blobs.append(LoadPlan.Blob(name: name, guestAddress: address, bytes: bytes))
        return UInt32(truncatingIfNeeded: address)
    }

    private func joined(_ name: String, _ arguments: String) -> String {
        arguments.isEmpty ? name : "\(name) \(arguments)"
    }
}
