import LinuxSystem
import TestSupport
import Testing

/// A recording may come from anywhere. What is not one is refused with the line and the reason.
struct RecordingFileTests {
    private static let whole = """
        swiftlet-recording 1
        # Comments may stand anywhere below the first line.
        1 "virtual machine" KVM_ASSIGN_PCI_DEVICE 0x8040ae69 [2000000000000000] = -16 EBUSY
        2 "virtual machine" KVM_CREATE_VCPU 0xae41 0x0 = descriptor
        3 "config" pread 0x6 2 -> 0:[0607] = 2
        4 "config" pwrite 0x4 [0604] = 2
        5 "kvm" KVM_CREATE_DEVICE 0xc00caee0 [04000000....0000] -> 4:[........] = 0
        end 5

        """

    private func error(_ text: String) -> RecordingError? {
        do throws(RecordingError) {
            _ = try Recording(Array(text.utf8), name: "trace")
            return nil
        } catch {
            return error
        }
    }

    @Test func theExampleIsWhole() throws {
        let recording = try Recording(Array(Self.whole.utf8), name: "trace")
        #expect(recording.lines.map(\.number) == [3, 4, 5, 6, 7])
        #expect(
            recording.lines.map(\.answer.result) == [.number(-16), .descriptor, .number(2), .number(2), .number(0)])
    }

    @Test(
        arguments: [
            ("-16 EBUSY", "-16 EPERM", 3, "errno 16 is not followed by its name, EBUSY"),
            ("-16 EBUSY", "-16", 3, "errno 16 is not followed by its name, EBUSY"),
            ("-16 EBUSY", "-0", 3, "0 is no errno"), ("-16 EBUSY", "-4096", 3, "4096 is no errno"),
            ("-16 EBUSY", "", 3, "a decimal number is missing or too long"),
            ("-16 EBUSY", "-16 EBUSY ", 3, "something follows the answer"),
            ("[2000000000000000]", "[200000000000000]", 3, "half a byte is missing between \"[\" and \"]\""),
            (
                "[2000000000000000]", "[200000000000000G]", 3,
                "byte 7 between \"[\" and \"]\" is neither two hexadecimal digits nor \"..\""
            ),
            (
                "[2000000000000000]", "[200000000000000.]", 3,
                "byte 7 between \"[\" and \"]\" is neither two hexadecimal digits nor \"..\""
            ),
            ("[2000000000000000]", "[2000000000000000", 3, "\"]\" is missing after bytes"),
            ("1 \"virtual", "1  \"virtual", 3, "\"\"\" is missing before the object"),
            ("1 \"virtual machine\"", "1 \"virtual machine", 3, "the object's closing quote is missing"),
            ("1 \"virtual", "1 \"virtuäl", 3, "the object has a character that must be written as \\xNN"),
            (
                "1 \"virtual", "1 \"virtu\\xgl", 3,
                "a backslash in the object is not followed by x and two hexadecimal digits"
            ),
            ("KVM_CREATE_VCPU 0xae41", "KVM_CREATE_VCPU 44609", 4, "\"0x\" is missing before a hexadecimal number"),
            ("0xae41 0x0", "0x0123456789abcdef0 0x0", 4, "a hexadecimal number is missing or too long"),
            ("0xae41 0x0 = d", "0xae41 = d", 4, "\"0x\" is missing before a hexadecimal number"),
            ("KVM_CREATE_VCPU 0xae41 0x0", "KVM_CREATE_VCPU", 4, "\"0x\" is missing before a hexadecimal number"),
            ("= descriptor", "= 9999999999", 4, "this call can't answer 9999999999"),
            ("= descriptor", "= 1234567890123456789", 4, "a decimal number is missing or too long"),
            ("= descriptor", "-> 0:[00] = 0", 4, "what the call changed at 0 lies outside of its 0 bytes"),
            ("3 \"config\"", "4 \"config\"", 5, "call 3 should be here, and this is call 4"),
            ("0x6 2 ->", "0x6 3 ->", 5, nil), ("0x6 2 ->", "0x6 1 ->", 5, "this call can't answer 2"),
            ("[0607] = 2", "[0607] = 1", 5, "the bytes read are not as many as the answer says"),
            ("-> 0:[0607] = 2", "= 2", 5, "the bytes read are not as many as the answer says"),
            ("-> 0:[0607] = 2", "->  = 2", 5, "a decimal number is missing or too long"),
            (
                "-> 0:[0607] = 2", "-> 999999999999999999:[0607] = 2", 5,
                "what the call changed at 999999999999999999 lies outside of its 2 bytes"
            ),
            ("[0604] = 2", "[0604] = 3", 6, "this call can't answer 3"),
            ("[0604] = 2", "[0604] = descriptor", 6, "this call answers no descriptor"),
            ("4:[........]", "4:[..........]", 7, "what the call changed at 4 lies outside of its 8 bytes"),
            ("4:[........]", "4:[......00]", 7, "a new descriptor has four bytes"),
            ("end 5", "end 6", 8, "it says that there are 6 calls, and there are 5"),
            ("end 5", "end 5 ", 8, "something follows the number of calls"),
            ("end 5\n", "end 5\n\n", 8, "this is the last line, and more follow"),
            ("4 \"config\" pwrite 0x4 [0604] = 2\n", "", 6, "call 4 should be here, and this is call 5"),
            ("4 \"config\" pwrite 0x4 [0604] = 2\n", "\n", 6, "a decimal number is missing or too long"),
        ] as [(String, String, Int, String?)])
    func aGarbledLineIsNamed(what: String, with: String, line: Int, reason: String?) throws {
        let parts = Self.whole.split(separator: what, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(parts.count == 2)
        let error = error("\(parts[0])\(with)\(parts[1])")
        // A read may be shorter than what was asked for.
        #expect(error == reason.map { .malformed("trace", line: line, reason: $0) })
        if let error, let reason { #expect(error.description == "trace, line \(line): \(reason)") }
    }

    @Test func everyPrefixIsRefused() {
        let bytes = Array(Self.whole.utf8)
        for count in 0..<bytes.count {
            let error = error(String(decoding: bytes[..<count], as: UTF8.self))
            switch error {
            case .notARecording: #expect(count < 21)
            case .cut(_, let calls):
                #expect(count >= 21)
                #expect(calls <= 5)
            default: Issue.record("\(count) bytes: \(error.map { "\($0)" } ?? "taken for whole")")
            }
        }
        #expect(
            error(String(Self.whole.dropLast(6)))?.description
                == """
                the recording trace breaks off after 5 calls: its last line, \"end\" and their number, is missing; \
                record again
                """
        )
    }

    @Test func otherFilesAreToldApart() throws {
        for text in [
            "", "swiftlet-recording 2\nend 0\n", "swiftlet-recording 1", "\u{7F}ELF",
            "swiftlet-recording 1\r\nend 0\r\n",
        ] {
            #expect(error(text) == .notARecording("trace"))
        }
        let directory = try TemporaryDirectory()
        for (path, words) in [
            ("\(directory.path)/none", "can't be read (open: No such file or directory)"),
            (directory.path, "can't be read (pread: Is a directory)"),
            (
                try directory.file("empty"),
                "is no recording that this version reads: its first line is not \"swiftlet-recording 1\""
            ),
        ] {
            do throws(RecordingError) {
                _ = try Recording(path: path)
                Issue.record("\(path) was taken for a recording")
            } catch {
                #expect(error.description.hasSuffix(words))
            }
        }
    }

    /// Knuth's MMIX generator: the same bytes in every run.
    private struct Repeatable: RandomNumberGenerator {
        private var state: UInt64 = 1
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state.byteSwapped
        }
    }

    /// Bytes changed, taken out, put in and doubled: never a crash, and what is still taken for a recording is one.
    @Test func noBytesAreTooStrange() throws {
        let whole = Array(Self.whole.utf8)
        var random = Repeatable()
        var taken = 0
        for _ in 0..<5000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                case 2: bytes.insert("0x9:[].\"\\- =\n".utf8.randomElement(using: &random) ?? 0, at: place)
                default:
                    bytes.insert(contentsOf: bytes[place...].prefix(Int.random(in: 1...40, using: &random)), at: place)
                }
            }
            guard let recording = try? Recording(bytes, name: "trace") else { continue }
            taken += 1
            #expect(
                recording.lines.count == 5,
                "\(String(decoding: bytes, as: UTF8.self))")
            #expect(
                Set(recording.lines.map(\.number)).count == 5,
                "\(String(decoding: bytes, as: UTF8.self))")
        }
        // A digit of an argument for another is still a recording: some must be taken, or all of this proved nothing.
        #expect(taken > 5)
        #expect(taken < 5000)
    }
}
