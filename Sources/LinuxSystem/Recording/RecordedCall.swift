/// A call without the parts that differ from run to run: one line of a recording up to its answer. docs/recording.md.
public struct RecordedCall: Equatable, Sendable {
    public enum Argument: Equatable, Sendable {
        /// open(2) of the object, with these flags.
        case open(flags: UInt)
        /// An ioctl whose argument is a number.
        case number(request: UInt, UInt)
        /// An ioctl whose argument is a structure.
        case structure(request: UInt, RecordedBytes)
        case read(offset: UInt64, count: Int)
        case write(offset: UInt64, RecordedBytes)
    }

    /// The object that the descriptor is open on.
    public let object: String
    /// `open`, `pread`, `pwrite`, or the ioctl's name.
    public let name: String
    public let argument: Argument

    init(object: String, name: String, argument: Argument) {
        self.object = object
        self.name = name
        self.argument = argument
    }

    public static func open(_ path: String, flags: Int32) -> RecordedCall {
        RecordedCall(object: path, name: "open", argument: .open(flags: UInt(UInt32(bitPattern: flags))))
    }

    public static func ioctl(_ object: String, _ request: IoctlRequest, value: UInt) -> RecordedCall {
        RecordedCall(object: object, name: "\(request.name)", argument: .number(request: request.number, value))
    }

    /// Returns an ioctl with its structure before the call.
    public static func ioctl(_ object: String, _ request: IoctlRequest, _ argument: UnsafeRawBufferPointer)
        -> RecordedCall
    {
        let bytes = RecordedBytes(Array(argument), varying: ReplayMask.given(request.number, argument))
        return RecordedCall(
            object: object, name: "\(request.name)", argument: .structure(request: request.number, bytes))
    }

    public static func read(_ object: String, at offset: UInt64, count: Int) -> RecordedCall {
        RecordedCall(object: object, name: "pread", argument: .read(offset: offset, count: count))
    }

    public static func write(_ object: String, at offset: UInt64, _ buffer: UnsafeRawBufferPointer) -> RecordedCall {
        RecordedCall(object: object, name: "pwrite", argument: .write(offset: offset, RecordedBytes(Array(buffer))))
    }
}

/// Bytes, some of which differ from run to run.
public struct RecordedBytes: Equatable, Sendable {
    /// The bytes; zero where they vary.
    public let bytes: [UInt8]
    /// The parts that differ from run to run: ascending, disjoint, within `bytes`.
    public let varying: [Range<Int>]

    init(_ bytes: [UInt8], varying: [Range<Int>] = []) {
        var bytes = bytes
        var joined: [Range<Int>] = []
        for range in varying {
            for index in range { bytes[index] = 0 }
            if let last = joined.last, last.upperBound == range.lowerBound {
                joined[joined.count - 1] = last.lowerBound..<range.upperBound
            } else {
                joined.append(range)
            }
        }
        self.bytes = bytes
        self.varying = joined
    }
}
