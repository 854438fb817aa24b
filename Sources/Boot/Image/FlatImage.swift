/// Bare code that starts in real mode: loaded at 0x10000 and entered at 1000:0000 with a stack below it at 0000:fff0.
///
/// The load address is that of lkvm(1). Code must not rely on it; CS, DS, ES, FS and GS all point to its first byte.
enum FlatImage {
    static let segment: UInt16 = 0x1000
    static let stackPointer: UInt16 = 0xfff0

    /// Guest physical address of the image's first byte.
    static let loadAddress: UInt64 = 0x10000

    /// Room between the load address and the legacy hole, in bytes: 575 KiB.
    static let maximumSize: UInt64 = 0x9fc00 - loadAddress

    /// Returns the segment for an image of this size in bytes.
    static func segment(imageSize: UInt64) throws(BootError) -> LoadPlan.Segment {
        guard imageSize <= maximumSize else {
            throw .flatImageTooLarge(size: imageSize, limit: maximumSize)
        }
        return LoadPlan.Segment(
            name: "flat binary", source: .kernel, guestAddress: loadAddress, fileOffset: 0, fileSize: imageSize,
            memorySize: imageSize)
    }

    static let entry = EntryState.real16(
        codeSegment: segment, instructionPointer: 0, dataSegment: segment, stackSegment: 0, stackPointer: stackPointer)
}
