import Bytes

/// The register values with which the bootstrap processor starts a kernel.
///
/// General registers not named here are 0, RFLAGS is 2, the IDT is empty and LDTR unusable.
public struct EntryState: Equatable, Sendable {
    /// The processor mode at the first instruction.
    public enum Mode: Equatable, Sendable {
        /// 16-bit real mode, as after reset but elsewhere.
        case real16
        /// 32-bit protected mode, flat segments, paging off.
        case protected32
        /// 64-bit mode, the first 4 GiB mapped to themselves.
        case long64
    }

    /// A segment register with its hidden part.
    public struct Segment: Equatable, Sendable {
        public let selector: UInt16
        /// Linear address of the segment's first byte.
        public let base: UInt32
        /// Offset of the segment's last byte, in bytes whatever the granularity.
        public let limit: UInt32
        /// Type, 4 bits: Intel SDM volume 3, sections 3.4.5.1 and 3.5.
        public let type: UInt8
        /// S: true for code and data, false for system segments such as a TSS.
        public let isCodeOrData: Bool
        /// D/B: true for 32-bit code or stack.
        public let is32Bit: Bool
        /// L: true for 64-bit code.
        public let is64Bit: Bool
        /// G: true if the descriptor counts its limit in 4 KiB pages.
        public let isPageGranular: Bool

        init(
            selector: UInt16, base: UInt32, limit: UInt32, type: UInt8, isCodeOrData: Bool, is32Bit: Bool,
            is64Bit: Bool = false,
            isPageGranular: Bool
        ) {
            self.selector = selector
            self.base = base
            self.limit = limit
            self.type = type
            self.isCodeOrData = isCodeOrData
            self.is32Bit = is32Bit
            self.is64Bit = is64Bit
            self.isPageGranular = isPageGranular
        }

        /// The segment's descriptor in a GDT (Intel SDM volume 3, figure 3-8): present, DPL 0.
        public var descriptor: UInt64 {
            let limit = UInt64(isPageGranular ? self.limit >> 12 : self.limit)
            let base = UInt64(self.base)
            var value = limit & 0xffff | (limit & 0xf0000) << 32
            value |= (base & 0xffffff) << 16 | (base & 0xff00_0000) << 32
            value |= UInt64(type & 0xf) << 40 | (isCodeOrData ? 1 << 44 : 0) | 1 << 47
            value |= (is64Bit ? 1 << 53 : 0) | (is32Bit ? 1 << 54 : 0) | (isPageGranular ? 1 << 55 : 0)
            return value
        }
    }

    public let mode: Mode
    /// EIP, or IP in real mode; RIP lies below 4 GiB too.
    public let instructionPointer: UInt32
    /// ESP, or SP in real mode; 0 if the boot protocol guarantees no stack.
    public let stackPointer: UInt32
    public let eax: UInt32
    public let ebx: UInt32
    /// ESI, or RSI below 4 GiB.
    public let esi: UInt32
    public let cs: Segment
    /// DS, ES, FS and GS.
    public let data: Segment
    public let ss: Segment
    /// TR: VMX and SVM require a busy TSS there even if the boot protocol asks for none.
    public let tr: Segment
    public let cr0: UInt32
    /// Guest physical address of the page tables, 0 if paging is off.
    public let cr3: UInt32
    public let cr4: UInt32
    public let efer: UInt32
    /// Guest physical address of the GDT, 0 in real mode.
    public let gdtBase: UInt32
    /// Offset of the GDT's last byte, 0 in real mode.
    public let gdtLimit: UInt16

    /// Returns the state for PVH and Linux's 32-bit boot protocol: flat 4 GiB segments, interrupts off, paging off.
    /// - Parameters:
    ///   - instructionPointer: Physical address of the first instruction.
    ///   - eax: The boot protocol's value of EAX.
    ///   - ebx: The boot protocol's value of EBX.
    ///   - esi: The boot protocol's value of ESI.
    ///   - gdtBase: The address of ``flatGDT``.
    /// - Returns: The whole state.
    public static func protected32(
        instructionPointer: UInt32, eax: UInt32 = 0, ebx: UInt32 = 0, esi: UInt32 = 0, gdtBase: UInt32
    ) -> EntryState {
        EntryState(
            mode: .protected32, instructionPointer: instructionPointer, stackPointer: 0, eax: eax, ebx: ebx, esi: esi,
            cs: flatCode, data: flatData, ss: flatData, tr: flatTask, cr0: extensionType | protectionEnable, cr3: 0,
            cr4: 0, efer: 0,
            gdtBase: gdtBase, gdtLimit: UInt16(truncatingIfNeeded: flatGDT.count - 1))
    }

    /// Returns the state for multiboot 1: the same, but with the selectors for code and data that most kernels use in
    /// their own GDT.
    ///
    /// The specification leaves the selectors open, and a kernel must reload CS after it has loaded its own GDT. Some
    /// don't (xv6), and run only if the loader's code selector equals theirs: 0x08, as in QEMU's loader.
    /// - Parameters:
    ///   - instructionPointer: Physical address of the first instruction.
    ///   - information: Address of the multiboot information, for EBX.
    ///   - gdtBase: The address of ``multibootGDT``.
    /// - Returns: The whole state.
    public static func multiboot32(instructionPointer: UInt32, information: UInt32, gdtBase: UInt32) -> EntryState {
        EntryState(
            mode: .protected32, instructionPointer: instructionPointer, stackPointer: 0, eax: MultibootInfo.bootMagic,
            ebx: information, esi: 0,
            cs: firstCode, data: secondData, ss: secondData, tr: flatTask, cr0: extensionType | protectionEnable,
            cr3: 0, cr4: 0, efer: 0,
            gdtBase: gdtBase, gdtLimit: UInt16(truncatingIfNeeded: multibootGDT.count - 1))
    }

    /// Returns the state for Linux's 64-bit boot protocol: flat segments, interrupts off, 4-level paging.
    /// - Parameters:
    ///   - instructionPointer: Address of the first instruction.
    ///   - esi: The boot protocol's value of RSI.
    ///   - gdtBase: The address of ``longGDT``.
    ///   - cr3: The address of page tables that map the first 4 GiB to themselves.
    /// - Returns: The whole state.
    public static func long64(instructionPointer: UInt32, esi: UInt32, gdtBase: UInt32, cr3: UInt32) -> EntryState {
        EntryState(
            mode: .long64, instructionPointer: instructionPointer, stackPointer: 0, eax: 0, ebx: 0, esi: esi,
            cs: longCode, data: flatData, ss: flatData, tr: flatTask, cr0: paging | extensionType | protectionEnable,
            cr3: cr3,
            cr4: physicalAddressExtension, efer: longModeEnable | longModeActive,
            gdtBase: gdtBase, gdtLimit: UInt16(truncatingIfNeeded: longGDT.count - 1))
    }

    /// Returns a real-mode state.
    /// - Parameters:
    ///   - codeSegment: CS.
    ///   - instructionPointer: IP.
    ///   - dataSegment: DS, ES, FS and GS.
    ///   - stackSegment: SS.
    ///   - stackPointer: SP.
    /// - Returns: The whole state.
    public static func real16(
        codeSegment: UInt16, instructionPointer: UInt16, dataSegment: UInt16, stackSegment: UInt16, stackPointer: UInt16
    ) -> EntryState {
        EntryState(
            mode: .real16, instructionPointer: UInt32(instructionPointer), stackPointer: UInt32(stackPointer), eax: 0,
            ebx: 0, esi: 0,
            cs: realMode(codeSegment, type: 0xb), data: realMode(dataSegment, type: 0x3),
            ss: realMode(stackSegment, type: 0x3),
            tr: Segment(
                selector: 0, base: 0, limit: 0xffff, type: 0xb, isCodeOrData: false, is32Bit: false,
                isPageGranular: false),
            cr0: extensionType, cr3: 0, cr4: 0, efer: 0, gdtBase: 0, gdtLimit: 0)
    }

    /// A GDT that holds the segments of ``protected32(instructionPointer:eax:ebx:esi:gdtBase:)`` under their selectors.
    ///
    /// Only Linux's protocol guarantees one, but it lets a guest reload a segment register before it has a GDT of its
    /// own.
    public static let flatGDT = table(of: [flatCode, flatData, flatTask])

    /// A GDT that holds the segments of ``multiboot32(instructionPointer:information:gdtBase:)`` under their selectors,
    /// and a data segment at 0x18 too.
    public static let multibootGDT = table([
        0, firstCode.descriptor, secondData.descriptor, flatData.descriptor, flatTask.descriptor,
    ])

    /// A GDT that holds the segments of ``long64(instructionPointer:esi:gdtBase:cr3:)`` under their selectors.
    public static let longGDT = table(of: [longCode, flatData, flatTask])

    /// Returns two empty descriptors, then these; the last one, a task's, takes two places in 64-bit mode.
    private static func table(of segments: [Segment]) -> [UInt8] {
        table([0, 0] + segments.map(\.descriptor) + (segments.contains { $0.is64Bit } ? [0] : []))
    }

    private static func table(_ descriptors: [UInt64]) -> [UInt8] {
        var writer = ByteWriter()
        for descriptor in descriptors { writer.append(descriptor) }
        return writer.bytes
    }

    private static let protectionEnable: UInt32 = 1 << 0
    private static let extensionType: UInt32 = 1 << 4
    private static let paging: UInt32 = 1 << 31
    private static let physicalAddressExtension: UInt32 = 1 << 5
    private static let longModeEnable: UInt32 = 1 << 8
    private static let longModeActive: UInt32 = 1 << 10

    private static let flatCode = flat(0x10, type: 0xb)
    private static let longCode = Segment(
        selector: 0x10, base: 0, limit: .max, type: 0xb, isCodeOrData: true, is32Bit: false, is64Bit: true,
        isPageGranular: true)
    private static let flatData = flat(0x18, type: 0x3)
    private static let firstCode = flat(0x08, type: 0xb)
    private static let secondData = flat(0x10, type: 0x3)
    private static let flatTask = Segment(
        selector: 0x20, base: 0, limit: 0x67, type: 0xb, isCodeOrData: false, is32Bit: false, isPageGranular: false)

    private static func flat(_ selector: UInt16, type: UInt8) -> Segment {
        Segment(
            selector: selector, base: 0, limit: .max, type: type, isCodeOrData: true, is32Bit: true,
            isPageGranular: true)
    }

    private static func realMode(_ selector: UInt16, type: UInt8) -> Segment {
        Segment(
            selector: selector, base: UInt32(selector) << 4, limit: 0xffff, type: type, isCodeOrData: true,
            is32Bit: false,
            isPageGranular: false)
    }
}
