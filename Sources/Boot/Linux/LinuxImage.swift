import Bytes

/// A Linux image, or another program in this format (a memory tester, a network boot loader): setup header, setup code
/// for real mode, and protected-mode code. Linux, Documentation/arch/x86/boot.rst.
struct LinuxImage: Equatable, Sendable {
    /// The offset of the 64-bit entry in the protected-mode code.
    static let entryOffset64: UInt64 = 0x200

    /// The default address of a bzImage's protected-mode code.
    static let defaultAddress: UInt64 = 0x100000

    /// The image's name in errors.
    static let name = "the Linux kernel"

    let header: LinuxSetupHeader
    /// The size of the protected-mode code: everything after the setup code in the file.
    let codeSize: UInt64

    /// Reads the header and checks its sizes against the file; nil for a file that has none.
    init?(_ image: some ImageSource) throws(BootError) {
        guard let header = try LinuxSetupHeader(image) else { return nil }
        let setupSize = header.setupSize
        guard setupSize < image.size else {
            throw .fieldOutOfRange(
                field: "\(LinuxSetupHeader.Field.setupSectors.name), in bytes with the boot sector,", value: setupSize,
                limit: max(image.size, 1) - 1, of: "the file's size with a byte of protected-mode code")
        }
        codeSize = image.size - setupSize
        // In paragraphs of 16 bytes, rounded up. A file may be longer: signatures follow the code.
        let claimed = (header[.systemSize] ?? 0) * 16
        guard claimed <= codeSize.addingSaturating(15) else {
            throw .fieldOutOfRange(
                field: "\(LinuxSetupHeader.Field.systemSize.name), in bytes,", value: claimed, limit: codeSize,
                of: "the file's bytes after its setup code")
        }
        self.header = header
    }

    /// Returns the protected-mode code as a segment at an address.
    func segment(at address: UInt64, memorySize: UInt64) -> LoadPlan.Segment {
        LoadPlan.Segment(
            name: Self.name, source: .kernel, guestAddress: address, fileOffset: header.setupSize, fileSize: codeSize,
            memorySize: memorySize)
    }

    /// Returns boot sector and setup code, for real mode.
    /// - Throws: ``BootError/fieldOutOfRange(field:value:limit:of:)`` if they are too large for real mode.
    func setupCode(in image: some ImageSource) throws(BootError) -> [UInt8] {
        guard header.setupSize <= LinuxRealMode.maximumSetupSize else {
            throw .fieldOutOfRange(
                field: "\(LinuxSetupHeader.Field.setupSectors.name), in bytes with the boot sector,",
                value: header.setupSize,
                limit: LinuxRealMode.maximumSetupSize, of: "the room for setup code")
        }
        return try image.structure("setup code", at: 0, count: Int(header.setupSize)).bytes
    }

    /// Returns the best entry: 64-bit if there is one; else 32-bit.
    ///
    /// Real mode remains for images that have no other: a zImage, a protocol before 2.02, one without a start address
    /// of its 32-bit code, and one whose setup code does all the work (memdisk, GRUB's lnxboot.img), which never
    /// switches to protected mode itself.
    func bestFormat(in image: some ImageSource) throws(BootError) -> KernelFormat {
        if header.has64BitEntry, header.loadsHigh { return .linux64 }
        guard header.loadsHigh, header.has(.commandLine), header.loadAddress != nil else { return .linux16 }
        return try setupSwitchesMode(in: image) ? .linux32 : .linux16
    }

    /// Returns true if the setup code contains an instruction that can set CR0.PE: mov to CR0 (0f 22 /0) or lmsw (0f 01
    /// /6). Intel SDM volume 2.
    private func setupSwitchesMode(in image: some ImageSource) throws(BootError) -> Bool {
        let count = Int(min(header.setupSize, LinuxRealMode.maximumSetupSize))
        let code = try image.structure("setup code", at: 0, count: count).bytes
        for index in code.indices.dropLast(2) where code[index] == 0x0f {
            let (opcode, operands) = (code[index + 1], code[index + 2])
            if opcode == 0x22 && operands & 0xf8 == 0xc0 || opcode == 0x01 && operands & 0x38 == 0x30 { return true }
        }
        return false
    }

    /// The memory that the kernel requires from its run-time start on, in bytes.
    ///
    /// Protocols before 2.10 don't give it; the decompressed kernel is then assumed to be twice as large as the
    /// compressed one.
    var runtimeSize: UInt64 {
        max(codeSize, header[.initialSize] ?? codeSize.addingSaturating(codeSize).addingSaturating(codeSize))
    }

    /// The field to check if the kernel requires too much memory.
    var runtimeSizeField: String {
        header.has(.initialSize) ? LinuxSetupHeader.Field.initialSize.name : "the kernel with room to decompress it"
    }
}
