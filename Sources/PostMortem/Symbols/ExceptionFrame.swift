import Bytes

/// The words that the processor pushed when it took an exception or an interrupt in 64-bit mode: SS, RSP, RFLAGS, CS,
/// RIP. AMD APM volume 2, 8.9.3.
public struct ExceptionFrame: Sendable, Equatable {
    /// The frame's linear address.
    public let address: UInt64
    /// The linear address of the interrupted instruction.
    public let instruction: UInt64
    /// `name+0x12`; nil without a symbol.
    public let symbol: String?
    /// The interrupted code's stack pointer.
    public let stackPointer: UInt64

    public init(address: UInt64, instruction: UInt64, symbol: String?, stackPointer: UInt64) {
        (self.address, self.instruction, self.symbol, self.stackPointer) = (address, instruction, symbol, stackPointer)
    }

    /// Returns a line each; consecutive frames of one place share a line.
    static func runs(_ frames: [ExceptionFrame]) -> [String] {
        var runs: [(frame: ExceptionFrame, count: Int)] = []
        for frame in frames {
            if let last = runs.last, last.frame.instruction == frame.instruction {
                runs[runs.count - 1].count += 1
            } else {
                runs.append((frame, 1))
            }
        }
        return runs.map { run in
            let name = run.frame.symbol.map { " (\($0))" } ?? ""
            let more = run.count > 1 ? ", and \(run.count - 1) more there" : ""
            return
                "at rip \(run.frame.instruction.hexadecimal)\(name), rsp \(run.frame.stackPointer.hexadecimal)\(more)"
        }
    }
}

extension StackWalk {
    /// The number of bytes searched below the stack pointer and above it.
    private static var depth: UInt64 { 8192 }
    private static var height: UInt64 { 4096 }
    private static var frameLimit: Int { 256 }

    /// Returns exceptions that were taken near the stack pointer, those at higher addresses (which are older) first.
    /// 64-bit code only.
    ///
    /// A frame is recognized by its code and stack segments, by flags that a processor can have, and by a stack pointer
    /// that is above it and near. The exception may have been handled long ago.
    /// - Parameters:
    ///   - code: the kernel's code segment.
    ///   - stack: its stack segment.
    public func exceptionFrames(code: UInt64, stack: UInt64) -> [ExceptionFrame] {
        guard registers.is64Bit, code != 0 else { return [] }
        var frames: [ExceptionFrame] = []
        // The processor aligns the stack to 16 bytes first: the frame of 5 words begins 8 bytes off.
        let base = registers.rsp & ~0xF &+ 8
        for step: UInt64 in 0..<(Self.depth + Self.height) / 16 where frames.count < Self.frameLimit {
            let place = base &+ Self.height &- 16 * step
            guard memory.number(at: place &+ 8, count: 8) == code, let words = memory.read(at: place, count: 40) else {
                continue
            }
            func word(_ index: Int) -> UInt64 { words.littleEndian(at: index * 8, count: 8) }
            let (instruction, flags, pointer, segment) = (word(0), word(2), word(3), word(4))
            // Bit 1 is always set; bits 3, 5, 15 and all from 22 on never are. APM volume 2, 3.1.6.
            guard flags & 0xFFFF_FFFF_FFC0_802A == 2, segment == stack || segment == 0, pointer &- place < 1 << 16,
                pointer &- place >= 40,
                symbols?.isEmpty != false || symbols?.isCode(instruction) == true,
                memory.read(at: instruction, count: 1) != nil
            else { continue }
            frames.append(
                ExceptionFrame(
                    address: place, instruction: instruction, symbol: symbols?.name(of: instruction),
                    stackPointer: pointer))
        }
        return frames
    }
}
