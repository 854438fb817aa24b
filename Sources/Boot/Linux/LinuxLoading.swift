import Bytes

/// Linux by its 64-bit and 32-bit boot protocols, and the parts common to all its entries: placing the kernel and its
/// initrd. Linux, Documentation/arch/x86/boot.rst, "32-bit Boot Protocol" and "64-bit Boot Protocol".
extension LoadPlanBuilder {
    /// A kernel's decompressor uses the pages from 0x9d000 on while page tables, boot parameters and GDT are still in
    /// use.
    private static let linuxWindows: [GuestLayout.Window] = [
        .init(0x90000..<0x9d000, .bottom), .init(0x10000..<0x90000, .top), .init(highWindow, .bottom),
    ]

    /// Completes the plan of a Linux image that is entered in 64-bit or protected mode.
    mutating func linux(_ image: LinuxImage, format: KernelFormat) throws(BootError) -> LoadPlan {
        var header = image.header
        try checkLinuxEntry(header, format: format)
        try checkCommandLine(header)
        let load = try placeLinux(image, header: &header)
        let entry = load + (format == .linux64 ? LinuxImage.entryOffset64 : 0)
        guard entry - load < image.codeSize else {
            throw .entryOutsideKernel(field: "the kernel's 64-bit entry (protected-mode code + 0x200)", entry: entry)
        }
        let entryPoint = try checkEntry(entry, field: "the kernel's entry")
        let ramdisk = try placeInitrd(header: &header, hasUpperBits: true)

        let tables: UInt32 = format == .linux64 ? try addPageTables() : 0
        header.fillCommonFields()
        if let further = LinuxBootParameters.furtherRegions(of: memory) {
            guard header.has(.setupData) else {
                throw .tooManyRegions(count: memory.regions.count, limit: LinuxBootParameters.maximumRegions)
            }
            header[.setupData] = UInt64(
                try addBlob(further, name: "the memory map's further regions", in: Self.linuxWindows))
        }
        header[.commandLine] = UInt64(try addText(commandLine, name: "the command line", in: Self.linuxWindows))
        let parameters = LinuxBootParameters(header: header, memory: memory, rsdpAddress: rsdpAddress, ramdisk: ramdisk)
        let page = try addBlob(
            parameters.bytes, name: "the boot parameters", alignment: Self.pageSize, in: Self.linuxWindows)
        let isLong = format == .linux64
        let gdt = try addBlob(isLong ? EntryState.longGDT : EntryState.flatGDT, name: "the GDT", in: Self.linuxWindows)
        return plan(
            format,
            entry: isLong
                ? .long64(instructionPointer: entryPoint, esi: page, gdtBase: gdt, cr3: tables)
                : .protected32(instructionPointer: entryPoint, esi: page, gdtBase: gdt))
    }

    /// Places the protected-mode code, with the memory that the kernel requires to decompress itself, and sets the
    /// address in the header.
    /// - Returns: The load address.
    mutating func placeLinux(_ image: LinuxImage, header: inout LinuxSetupHeader) throws(BootError) -> UInt64 {
        let address: UInt64
        if header.isRelocatable {
            (address, header[.alignment]) = try relocate(image, header)
        } else {
            address = header.loadAddress ?? LinuxImage.defaultAddress
            try reserveRuntime(image, header, loadedAt: address)
        }
        header[.code32Start] = address
        return address
    }

    /// Places the initrd as high as the kernel accepts, and sets its address in the header.
    ///
    /// Several files become one, each aligned to 4 bytes: the kernel reads concatenated archives (Linux,
    /// Documentation/driver-api/early-userspace/buffer-format.rst).
    /// - Parameters:
    ///   - header: The setup header, which receives the lower 32 bits of address and size.
    ///   - hasUpperBits: True if the kernel also gets the upper bits.
    /// - Returns: Its range; nil for none, or an empty one.
    mutating func placeInitrd(header: inout LinuxSetupHeader, hasUpperBits: Bool) throws(BootError) -> AddressRange? {
        header[.ramdiskImage] = 0
        header[.ramdiskSize] = 0
        var size: UInt64 = 0
        var offsets: [UInt64] = []
        for module in modules {
            guard module.commandLine.isEmpty else {
                throw .nothingTakesIt(what: "arguments of an initrd", format: .linux)
            }
            let start = size.addingSaturating(size % 4 == 0 ? 0 : 4 - size % 4)
            offsets.append(start)
            if module.size > 0 { size = start.addingSaturating(module.size) }
        }
        guard size > 0 else { return nil }
        let name = modules.map(\.name).joined(separator: ", ")

        var windows: [GuestLayout.Window] = []
        let end = min(header.initrdLimit + 1, Self.highWindow.upperBound)
        if end > Self.highWindow.lowerBound { windows.append(.init(Self.highWindow.lowerBound..<end, .top)) }
        if header.reachesAbove4GiB {
            windows.append(.init(Self.highWindow, .top))
            if hasUpperBits { windows.append(.init(MemoryMap.fourGiB..<UInt64.max, .top)) }
        }
        guard
            let address = layout.firstPlace(size: size, alignment: Self.pageSize, in: windows, for: "module \(name)"),
            let range = AddressRange(start: address, size: size)
        else {
            guard !header.reachesAbove4GiB else {
                throw .noRoom(what: "initrd \(name)", size: size, memory: memory.size)
            }
            throw .noRoomForInitrd(
                name: name, size: size, field: LinuxSetupHeader.Field.initrdLimit.name, limit: header.initrdLimit,
                memory: memory.size)
        }
        for (index, module) in modules.enumerated() where module.size > 0 {
            add(module, index: index, at: address + offsets[index])
        }
        header[.ramdiskImage] = address & 0xffff_ffff
        header[.ramdiskSize] = size & 0xffff_ffff
        return range
    }

    /// Checks that the kernel accepts a command line of this length.
    func checkCommandLine(_ header: LinuxSetupHeader) throws(BootError) {
        let size = UInt64(ByteText.bytes(commandLine).count)
        guard size <= header.maximumCommandLine else {
            throw .commandLineTooLong(
                size: size, limit: header.maximumCommandLine,
                because: header.has(.commandLineSize)
                    ? LinuxSetupHeader.Field.commandLineSize.name : "its boot protocol is older than 2.06")
        }
    }

    private func checkLinuxEntry(_ header: LinuxSetupHeader, format: KernelFormat) throws(BootError) {
        guard header.loadsHigh else {
            throw .badField(
                field: LinuxSetupHeader.Field.loadFlags.name, value: header[.loadFlags] ?? 0,
                expected: "bit 0 (LOADED_HIGH): a zImage can only be entered in real mode, with --format linux16,")
        }
        guard header.has(.commandLine) else {
            throw .badField(
                field: LinuxSetupHeader.Field.protocolVersion.name, value: UInt64(header.version),
                expected: "0x202 or more: an older image can only be entered in real mode, with --format linux16,")
        }
        guard format != .linux64 || header.has64BitEntry else {
            throw .badField(
                field: LinuxSetupHeader.Field.extendedLoadFlags.name, value: header[.extendedLoadFlags] ?? 0,
                expected: "bit 0 (XLF_KERNEL_64), without which there is no 64-bit entry,")
        }
    }

    /// Finds a place for a relocatable kernel: its preferred address if that is free, else the lowest above it, with
    /// the best alignment possible.
    ///
    /// Never below it, since a kernel that is loaded lower moves itself up to the preferred address before it runs
    /// (boot.rst, "init_size").
    private mutating func relocate(
        _ image: LinuxImage, _ header: LinuxSetupHeader
    ) throws(BootError) -> (address: UInt64, alignment: UInt64) {
        let size = image.runtimeSize
        let lowest = max(header[.preferredAddress] ?? 0, Self.highWindow.lowerBound)
        let alignments = try header.alignments
        if lowest < Self.highWindow.upperBound {
            let window = lowest..<Self.highWindow.upperBound
            for alignment in alignments {
                guard
                    let address = layout.firstPlace(
                        size: size, alignment: alignment, in: [.init(window, .bottom)], for: LinuxImage.name)
                else { continue }
                add(image.segment(at: address, memorySize: size))
                return (address, alignment)
            }
        }
        throw runtimeError(image, end: (lowest.aligned(upTo: alignments.last ?? 1) ?? .max).addingSaturating(size))
    }

    /// Places a kernel that can't be relocated, and reserves the memory to which it decompresses itself.
    private mutating func reserveRuntime(
        _ image: LinuxImage, _ header: LinuxSetupHeader, loadedAt address: UInt64
    ) throws(BootError) {
        let preferred = header[.preferredAddress] ?? 0
        let start = preferred > 0 ? preferred : address
        let runtime = AddressRange(start: start, size: image.runtimeSize)
        // If the header doesn't give the size, an estimate must not prevent the boot.
        if header.has(.initialSize) {
            guard let runtime, memory.ram.contains(where: { $0.range.contains(runtime) }) else {
                throw runtimeError(image, end: start.addingSaturating(image.runtimeSize))
            }
            if let other = layout.claims.first(where: { $0.range.overlaps(runtime) }) {
                throw .overlap(
                    segment: "the decompressed Linux kernel", range: runtime.description, other: other.owner,
                    otherRange: other.range.description)
            }
        }
        try load([image.segment(at: address, memorySize: image.codeSize)])
        if let runtime { layout.reserve(runtime, for: LinuxImage.name) }
    }

    private func runtimeError(_ image: LinuxImage, end: UInt64) -> BootError {
        .runtimeMemory(
            what: image.runtimeSizeField, size: image.runtimeSize, end: end, memory: memory.size,
            canGrow: end <= memory.growthLimit)
    }

    private mutating func addPageTables() throws(BootError) -> UInt32 {
        let address = try layout.place(
            size: UInt64(IdentityPageTables.size), alignment: Self.pageSize, in: Self.linuxWindows,
            for: "the page tables")
        add(LoadPlan.Blob(name: "the page tables", guestAddress: address, bytes: IdentityPageTables.bytes(at: address)))
        return UInt32(truncatingIfNeeded: address)
    }
}
