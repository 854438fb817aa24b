import Boot
import Glibc
import CLinux
import KVM
import LinuxSystem

/// A kernel image read with pread, a piece at a time: memory never holds the whole image.
private struct ImageFile: ImageSource {
    let file: InputFile
    var size: UInt64 { file.size }

    func read(at offset: UInt64, count: Int) throws -> [UInt8] { try file.read(at: offset, count: count) }
}

/// Puts a kernel into guest memory and the first vCPU at its entry point.
struct KernelLoader {
    let memory: GuestMemory
    /// The highest possible end of RAM below 4 GiB.
    let lowRAMLimit: UInt64
    /// The machine that the firmware tables describe.
    let board: Board

    /// Reads and checks the image, and fills guest memory. Returns the first vCPU's start state, the disk, if it is
    /// one, and the loaded kernel.
    func load(_ boot: BootConfiguration) throws(MachineError) -> (
        entry: EntryState, disk: BootDisk?, kernel: LoadedKernel
    ) {
        let kernel = try decompressed(try open(boot.kernel, boot.files), boot)
        var modules: [LoadPlan.Module] = []
        var files = [kernel]
        for module in boot.modules {
            let file = try open(module.path, boot.files)
            files.append(file)
            modules.append(LoadPlan.Module(name: module.path, size: file.size, commandLine: module.arguments))
        }
        let low = memory.regions.first?.count ?? 0
        let high = memory.count - low
        let map = MemoryMap(
            belowFourGiB: low, aboveFourGiB: high, lowLimit: lowRAMLimit,
            reserved: [
                .init(
                    start: PhysicalLayout.ecam.lowerBound, size: 1 << 28, kind: .reserved,
                    name: "the PCI configuration window")
            ])
        let tables: FirmwareTables
        do { tables = try FirmwareTables(describing: board) } catch { throw .noTables(error) }
        let plan: LoadPlan
        do {
            plan = try LoadPlan.plan(
                image: ImageFile(file: kernel), name: boot.kernel, commandLine: boot.commandLine, modules: modules,
                memory: map,
                rsdpAddress: tables.rsdpAddress, format: boot.format, diskKind: boot.diskKind)
        } catch {
            throw .badKernel(path: boot.kernel, cause: error)
        }
        try placeBIOS(plan)
        for segment in plan.segments { try fill(segment, files) }
        try place(
            tables.pieces + plan.blobs + [BootROM.extendedDataArea, BootROM(booting: plan, memory: map).parameters])
        var disk: BootDisk?
        if let image = plan.disk {
            do { disk = try BootDisk(image, file: kernel, memory: memory) } catch { throw .system(error) }
        }
        let loaded = LoadedKernel(
            format: plan.format, commandLine: boot.commandLine,
            linuxRelease: plan.format.isLinux ? LinuxRelease.of(ImageFile(file: kernel)) : nil,
            ranges: plan.segments.filter { $0.source == .kernel }.map {
                $0.guestAddress..<$0.guestAddress + $0.memorySize
            })
        return (plan.needsFirmware ? BootROM.entry : plan.entry, disk, loaded)
    }

    /// Places the data of a PC's BIOS, which every kernel gets: its own code, interrupt vectors and data areas.
    private func placeBIOS(_ plan: LoadPlan) throws(MachineError) {
        do throws(GuestMemory.OutOfBounds) {
            try memory.write(words: BootROM.lowWords, at: BootROM.lowArea.lowerBound)
            try memory.write(words: BootROM.words, at: BootROM.area.lowerBound)
            for range in BootROM.cleared(for: plan) {
                try memory.withBytes(at: range.lowerBound, count: range.count) {
                    _ = $0.initializeMemory(as: UInt8.self, repeating: 0)
                }
            }
        } catch {
            throw .badMemorySize(bytes: memory.count, reason: "the boot ROM does not fit (\(error))")
        }
    }

    private func place(_ blobs: [LoadPlan.Blob]) throws(MachineError) {
        for blob in blobs {
            do throws(GuestMemory.OutOfBounds) {
                try memory.write(blob.bytes, at: blob.guestAddress)
            } catch {
                throw .badMemorySize(bytes: memory.count, reason: "\(blob.name) does not fit (\(error))")
            }
        }
    }

    private func open(_ path: String, _ files: InputFiles) throws(MachineError) -> InputFile {
        do { return try files.open(path) } catch { throw .noKernel(path: path, cause: error) }
    }

    /// Decompresses a gzip-compressed kernel file, as boot loaders do; returns other files, flat binaries and disks
    /// unchanged.
    private func decompressed(_ file: InputFile, _ boot: BootConfiguration) throws(MachineError) -> InputFile {
        guard boot.format != .flat, boot.format != .disk else { return file }
        if let unpacked = boot.files.unpacked(boot.kernel) { return unpacked }
        let contents: [UInt8]
        do throws(BootError) {
            let image = ImageFile(file: file)
            guard try GzipFile.isOne(image) else { return file }
            contents = try GzipFile.contents(of: image)
        } catch {
            throw .badKernel(path: boot.kernel, cause: error)
        }
        do throws(SystemCallError) { return try boot.files.keep(contents, of: boot.kernel) } catch {
            throw .system(error)
        }
    }

    private func fill(_ segment: LoadPlan.Segment, _ files: [InputFile]) throws(MachineError) {
        let index =
            switch segment.source {
            case .kernel: 0
            case .module(let number): number + 1
            }
        guard files.indices.contains(index) else { return }
        var failure: SystemCallError?
        do throws(GuestMemory.OutOfBounds) {
            // Guest memory starts zeroed: only the file's bytes are copied, straight from the file.
            try memory.withBytes(at: segment.guestAddress, count: Int(segment.fileSize)) { bytes in
                do throws(SystemCallError) {
                    try files[index].descriptor.read(into: bytes, at: segment.fileOffset)
                } catch {
                    failure = error
                }
            }
        } catch {
            throw .badMemorySize(bytes: memory.count, reason: "\(segment.name) does not fit (\(error))")
        }
        if let failure { throw .system(failure) }
    }
}

extension VirtualCPU {
    /// Sets the vCPU to the state that a boot protocol requires.
    func enter(at entry: EntryState) throws(KVMError) {
        var special = try specialRegisters()
        func segment(_ source: EntryState.Segment) -> kvm_segment {
            var segment = kvm_segment()
            segment.base = UInt64(source.base)
            segment.limit = source.limit
            segment.selector = source.selector
            segment.type = source.type
            segment.present = 1
            segment.s = source.isCodeOrData ? 1 : 0
            segment.db = source.is32Bit ? 1 : 0
            segment.l = source.is64Bit ? 1 : 0
            segment.g = source.isPageGranular ? 1 : 0
            return segment
        }
        special.cs = segment(entry.cs)
        special.ds = segment(entry.data)
        special.es = special.ds
        special.fs = special.ds
        special.gs = special.ds
        special.ss = segment(entry.ss)
        special.tr = segment(entry.tr)
        special.ldt.unusable = 1
        special.ldt.present = 0
        special.gdt.base = UInt64(entry.gdtBase)
        special.gdt.limit = entry.gdtLimit
        special.idt.base = 0
        special.idt.limit = entry.mode == .real16 ? 0x3FF : 0
        special.cr0 = UInt64(entry.cr0)
        special.cr3 = UInt64(entry.cr3)
        special.cr4 = UInt64(entry.cr4)
        special.efer = UInt64(entry.efer)
        try setSpecialRegisters(special)
        var registers = kvm_regs()
        registers.rip = UInt64(entry.instructionPointer)
        registers.rsp = UInt64(entry.stackPointer)
        registers.rax = UInt64(entry.eax)
        registers.rbx = UInt64(entry.ebx)
        registers.rsi = UInt64(entry.esi)
        registers.rflags = 2
        try setRegisters(registers)
    }
}
