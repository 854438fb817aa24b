import Bytes

/// Linux by its oldest entry, in real mode: for images that call the BIOS, zImages and protocols before 2.02. Linux,
/// Documentation/arch/x86/boot.rst, "Memory Layout of The Real-Mode Code" and "Running the Kernel".
struct LinuxRealMode {
    /// The largest setup code, from the segment's start.
    static let maximumSetupSize: UInt64 = 0x8000

    /// The address of a zImage's protected-mode code; it ends below the setup code.
    static let lowAddress: UInt64 = 0x10000
    static let lowSize: UInt64 = 0x80000

    private static let modernAddress: UInt64 = 0x10000
    private static let traditionalAddress: UInt64 = 0x90000

    /// The guest physical address of the boot sector; setup code, heap and stack, and command line follow.
    let address: UInt64
    /// The end of stack and heap and the start of the command line, relative to `address`.
    let heapEnd: UInt64
    /// The largest command line, without its NUL.
    let maximumCommandLine: UInt64

    /// Images before protocol 2.02 and zImages require 0x90000 and leave memory above 0x9a000 to the BIOS; all others
    /// stay below.
    init(_ header: LinuxSetupHeader) {
        let isModern = header.loadsHigh && header.has(.commandLine)
        address = isModern ? Self.modernAddress : Self.traditionalAddress
        heapEnd = isModern ? 0xe000 : 0x9800
        maximumCommandLine = isModern ? .max : 0x9fff - 0x9800
    }

    var segment: UInt16 { UInt16(truncatingIfNeeded: address >> 4) }
}

extension LoadPlanBuilder {
    /// Completes the plan of a Linux image that is entered in real mode, by firmware that has set up its interrupts.
    mutating func linuxRealMode(_ image: LinuxImage, setupCode: [UInt8]) throws(BootError) -> LoadPlan {
        var header = image.header
        let place = LinuxRealMode(header)
        try checkCommandLine(header)
        let text = ByteText.bytes(commandLine) + [0]
        guard text.count - 1 <= place.maximumCommandLine else {
            throw .commandLineTooLong(
                size: UInt64(text.count - 1), limit: place.maximumCommandLine, because: "no more fit below 0x9a000")
        }
        let setupSize = UInt64(setupCode.count)
        let stack = LoadPlan.Segment(
            name: "the setup code's stack and heap", source: .kernel, guestAddress: place.address + setupSize,
            fileOffset: 0,
            fileSize: 0, memorySize: place.heapEnd - setupSize)
        let setup = LoadPlan.Segment(
            name: "the setup code", source: .kernel, guestAddress: place.address, fileOffset: 0, fileSize: setupSize,
            memorySize: setupSize)
        let commandLineAddress = place.address + place.heapEnd
        let words = LoadPlan.Segment(
            name: "the command line", source: .kernel, guestAddress: commandLineAddress, fileOffset: 0, fileSize: 0,
            memorySize: UInt64(text.count))
        try layout.claim([setup, stack, words])
        add(stack)

        if header.loadsHigh {
            _ = try placeLinux(image, header: &header)
        } else {
            guard image.codeSize <= LinuxRealMode.lowSize else {
                throw .fieldOutOfRange(
                    field: "the zImage's protected-mode code, in bytes,", value: image.codeSize,
                    limit: LinuxRealMode.lowSize,
                    of: "what fits from 0x10000 to 0x90000")
            }
            try load([image.segment(at: LinuxRealMode.lowAddress, memorySize: image.codeSize)])
            // It decompresses itself to 1 MiB, so no initrd may be there.
            if let runtime = AddressRange(start: LinuxImage.defaultAddress, size: image.runtimeSize) {
                layout.reserve(runtime, for: LinuxImage.name)
            }
        }
        _ = try placeInitrd(header: &header, hasUpperBits: false)

        header.fillCommonFields()
        if header.has(.heapEnd) {
            header[.heapEnd] = place.heapEnd - 0x200
            header[.loadFlags] = (header[.loadFlags] ?? 0) | LinuxSetupHeader.canUseHeap
        }
        var code = setupCode
        if header.has(.commandLine) {
            header[.commandLine] = commandLineAddress
        } else {
            header[.setupMoveSize] = place.heapEnd + UInt64(text.count)
        }
        code.replaceSubrange(0..<header.bytes.count, with: header.bytes)
        if !header.has(.commandLine) {
            // cmd_line_magic and cmd_line_offset.
            code.replaceSubrange(0x20..<0x24, with: [0x3f, 0xa3, 0x00, UInt8(truncatingIfNeeded: place.heapEnd >> 8)])
        }
        add(LoadPlan.Blob(name: setup.name, guestAddress: place.address, bytes: code))
        add(LoadPlan.Blob(name: words.name, guestAddress: commandLineAddress, bytes: text))
        return plan(
            .linux16,
            entry: .real16(
                codeSegment: place.segment + 0x20, instructionPointer: 0, dataSegment: place.segment,
                stackSegment: place.segment,
                stackPointer: UInt16(truncatingIfNeeded: place.heapEnd)))
    }
}
