import Glibc
import LinuxSystem
import TestSupport
import Testing

/// A recording replayed against the calls it was made of, and against every way in which calls may differ from it.
struct ReplayKernelTests {
    enum Step: Sendable {
        case check(UInt)
        case assign(UInt32)
        case mask(UInt32)
        case command(UInt16)
        case status

        func run(_ calls: borrowing ScriptedCalls) throws(SystemCallError) {
            switch self {
            case .check(let capability): try calls.vm.ioctl(ScriptedCalls.check, value: capability)
            case .assign(let flags): try calls.device(ScriptedCalls.assign, flags: flags)
            case .mask(let flags): try calls.device(ScriptedCalls.setMask, flags: flags)
            case .command(let value): try calls.command(value)
            case .status: _ = try calls.status()
            }
        }
    }

    private static let steps: [Step] = [
        .check(75), .assign(3), .mask(4), .command(0x0406), .mask(0), .command(0x0006), .status,
    ]
    private static let maskLine = "\"virtual machine\" KVM_ASSIGN_SET_INTX_MASK 0x4040aea4"

    private static func recording() throws -> Recording {
        let file = try RecordedFile { recorder in
            let calls = ScriptedCalls(recorder)
            for step in steps { try step.run(calls) }
        }
        return try file.recording(named: "trace")
    }

    private func failure(_ steps: [Step]) throws -> ReplayFailure? {
        do {
            try ReplayKernel(Self.recording()).run { kernel in
                let calls = ScriptedCalls(kernel)
                for step in steps { try step.run(calls) }
            }
            return nil
        } catch let error as ReplayFailure {
            return error
        }
    }

    @Test func theSameCallsPass() throws {
        let recording = try Self.recording()
        let kernel = ReplayKernel(recording)
        let calls = ScriptedCalls(kernel)
        #expect(try calls.vm.ioctl(ScriptedCalls.check, value: 75) == 1)
        for step in Self.steps[1...5] { try step.run(calls) }
        #expect(kernel.position == 6)
        #expect(throws: ReplayFailure.self) { try kernel.finish() }
        #expect(try calls.status() == 0x0706, "what was read comes from the recording")
        #expect(kernel.position == 7)
        try kernel.finish()
    }

    struct Difference: Sendable, CustomTestStringConvertible {
        let what: String
        let steps: [Step]
        let kind: ReplayFailure.Kind
        let line: Int
        let sentence: String
        var testDescription: String { what }
    }

    @Test(arguments: [
        Difference(
            what: "a call is missing",
            steps: [.check(75), .assign(3), .command(0x0406), .mask(0), .command(0x0006), .status], kind: .early,
            line: 4,
            sentence: "trace, line 4: expected \(maskLine) [20000000000000002000000004000000], and line 5 came: "
                + "\"0000:00:04.0 config\" pwrite 0x4 [0604]; what is between was left out, or the order changed"),
        Difference(
            what: "the last call is missing", steps: Array(steps.dropLast()), kind: .missing, line: 8,
            sentence: "trace, line 8: never called: \"0000:00:04.0 config\" pread 0x6 2"),
        Difference(
            what: "the last three are missing", steps: Array(steps.dropLast(3)), kind: .missing, line: 6,
            sentence: """
                trace, line 6: never called: \(maskLine) [20000000000000002000000000000000], nor the 2 after it
                """),
        Difference(
            what: "nothing is called", steps: [], kind: .missing, line: 2,
            sentence:
                "trace, line 2: never called: \"virtual machine\" KVM_CHECK_EXTENSION 0xae03 0x4b, nor the 6 after it"),
        Difference(
            what: "a call is added at the end", steps: steps + [.status], kind: .added, line: 8,
            sentence: "trace: all 7 calls were made, and one more came: \"0000:00:04.0 config\" pread 0x6 2"),
        Difference(
            what: "a call is added between", steps: [.check(75), .check(77)] + steps.dropFirst(), kind: .added, line: 3,
            sentence:
                """
                trace, line 3: expected \"virtual machine\" KVM_ASSIGN_PCI_DEVICE 0x8040ae69 \
                [20000000000000002000000003000000], \
                and what came is nowhere from there on: \"virtual machine\" KVM_CHECK_EXTENSION 0xae03 0x4d
                """),
        Difference(
            what: "a call is made twice", steps: [.check(75)] + steps, kind: .added, line: 3,
            sentence:
                """
                trace, line 3: expected \"virtual machine\" KVM_ASSIGN_PCI_DEVICE 0x8040ae69 \
                [20000000000000002000000003000000], \
                and what came is nowhere from there on: \"virtual machine\" KVM_CHECK_EXTENSION 0xae03 0x4b
                """),
        Difference(
            what: "two calls are swapped",
            steps: [.check(75), .assign(3), .command(0x0406), .mask(4), .mask(0), .command(0x0006), .status],
            kind: .early,
            line: 4,
            sentence: "trace, line 4: expected \(maskLine) [20000000000000002000000004000000], and line 5 came: "
                + "\"0000:00:04.0 config\" pwrite 0x4 [0604]; what is between was left out, or the order changed"),
        Difference(
            what: "a byte of a structure is changed", steps: [.check(75), .assign(3), .mask(6)], kind: .changed,
            line: 4,
            sentence:
                """
                trace, line 4: KVM_ASSIGN_SET_INTX_MASK on virtual machine came with another argument: byte 12 is \
                06, expected 04
                """
        ),
        Difference(
            what: "a byte that is written is changed", steps: [.check(75), .assign(3), .mask(4), .command(0x0506)],
            kind: .changed, line: 5,
            sentence:
                "trace, line 5: pwrite on 0000:00:04.0 config came with another argument: byte 1 is 05, expected 04"),
        Difference(
            what: "a number is changed", steps: [.check(74)], kind: .changed, line: 2,
            sentence: "trace, line 2: KVM_CHECK_EXTENSION on virtual machine came with another argument: "
                + """
                expected \"virtual machine\" KVM_CHECK_EXTENSION 0xae03 0x4b, came \"virtual machine\" \
                KVM_CHECK_EXTENSION 0xae03 0x4a
                """
        ),
    ])
    func aDifferenceIsNamed(_ difference: Difference) throws {
        let failure = try #require(try failure(difference.steps))
        #expect(failure.description == difference.sentence)
        #expect(failure.kind == difference.kind)
        #expect(failure.line == difference.line)
    }

    /// Every recording made of all calls but one, and all calls with one twice.
    @Test func noCallCanBeLeftOutOrDoubled() throws {
        for index in Self.steps.indices {
            var fewer = Self.steps
            fewer.remove(at: index)
            #expect(try failure(fewer) != nil, "without call \(index + 1)")
            var more = Self.steps
            more.insert(more[index], at: index)
            #expect(try failure(more) != nil, "call \(index + 1) twice")
        }
        for index in 0..<Self.steps.count - 1 {
            var swapped = Self.steps
            swapped.swapAt(index, index + 1)
            #expect(try failure(swapped)?.line == index + 2, "calls \(index + 1) and \(index + 2) swapped")
        }
        #expect(try failure(Self.steps) == nil)
    }

    @Test func afterADifferenceNothingIsAnswered() throws {
        let kernel = ReplayKernel(try Self.recording())
        let calls = ScriptedCalls(kernel)
        let refused = SystemCallError(
            call: "KVM_ASSIGN_PCI_DEVICE", object: "virtual machine", errno: .init(rawValue: EPROTO))
        #expect(throws: refused) { try calls.device(ScriptedCalls.assign, flags: 3) }
        let first = try #require(kernel.failure)
        #expect(throws: SystemCallError.self) { try calls.vm.ioctl(ScriptedCalls.check, value: 75) }
        #expect(throws: SystemCallError.self) { _ = try calls.status() }
        #expect(throws: SystemCallError.self) { _ = try Descriptor(opening: "/dev/null", kernel: kernel) }
        #expect(throws: first) { try kernel.finish() }
        #expect(kernel.position == 0)
    }

    /// The code under test may forgive an error; the replay does not.
    @Test func aForgivenDifferenceStillFails() throws {
        let kernel = ReplayKernel(try Self.recording())
        #expect(throws: ReplayFailure.self) { try kernel.run { try? ScriptedCalls($0).command(0) } }
        #expect(throws: CancellationError.self) {
            try ReplayKernel(try Self.recording()).run { _ in throw CancellationError() }
        }
    }

    @Test func recordedErrorsComeAgain() throws {
        let file = try RecordedFile { recorder in
            let calls = ScriptedCalls(recorder)
            try? calls.device(ScriptedCalls.assign, flags: 0)
            #expect(throws: SystemCallError.self) { _ = try Descriptor(opening: "/nowhere/config", kernel: recorder) }
        }
        try ReplayKernel(file.recording).run { kernel in
            let calls = ScriptedCalls(kernel)
            #expect(
                throws: SystemCallError(
                    call: "KVM_ASSIGN_PCI_DEVICE", object: "virtual machine", errno: .invalidArgument)
            ) {
                try calls.device(ScriptedCalls.assign, flags: 0)
            }
            #expect(throws: SystemCallError(call: "open", object: "/nowhere/config", errno: .noSuchFileOrDirectory)) {
                _ = try Descriptor(opening: "/nowhere/config", kernel: kernel)
            }
        }
    }

    @Test func aPartCanBeReplayed() throws {
        let other = KernelDouble(asksKernel: false)
        let kernel = ReplayKernel(try Self.recording(), otherwise: other) {
            $0.name == "KVM_ASSIGN_SET_INTX_MASK" || $0.object.hasSuffix("config")
        }
        let calls = ScriptedCalls(kernel)
        for step in [.check(1), .mask(4), .command(0x0406), .check(2), .mask(0), .assign(7), .command(0x0006), .status]
            as [Step]
        { try step.run(calls) }
        try kernel.finish()
        #expect(other.calls.map(\.name) == ["KVM_CHECK_EXTENSION", "KVM_CHECK_EXTENSION", "KVM_ASSIGN_PCI_DEVICE"])
        #expect(other.calls.allSatisfy { $0.object == "virtual machine" })
        #expect(throws: SystemCallError.self) { try calls.command(0) }
        #expect(
            kernel.failure?.description
                == "trace: all 5 calls were made, and one more came: \"0000:00:04.0 config\" pwrite 0x4 [0000]")
    }

    @Test func objectsMayBeNamedOtherwise() throws {
        let recording = try Self.recording()
        func run(_ naming: @escaping @Sendable (String) -> String) throws -> ReplayFailure? {
            let kernel = ReplayKernel(recording, naming: naming)
            let vm = Descriptor(owning: dup(2), object: "the guest", kernel: kernel)
            _ = try? vm.ioctl(ScriptedCalls.check, value: 75)
            return kernel.failure
        }
        #expect(try run { $0 == "the guest" ? "virtual machine" : $0 } == nil)
        #expect(try run { $0 }?.kind == .added)
    }

    @Test func newDescriptorsCanBeMappedReadAndClosed() throws {
        let kvm = IoctlRequest(0xAE01, "KVM_CREATE_VM")
        let device = IoctlRequest(0xC00C_AEE0, "KVM_CREATE_DEVICE")
        let file = try RecordedFile { recorder in
            let opened = try Descriptor(opening: "/dev/null", kernel: recorder)
            close(try opened.ioctl(kvm))
            var argument = SIMD4<UInt32>(4, 0, 0, 0)
            try opened.ioctl(device, &argument)
            close(Int32(argument[1]))
        }
        try ReplayKernel(file.recording).run { kernel in
            let opened = try Descriptor(opening: "/dev/null", kernel: kernel)
            let vm = Descriptor(owning: try opened.ioctl(kvm), object: "virtual machine", kernel: kernel)
            var argument = SIMD4<UInt32>(4, 0, 0, 0)
            try opened.ioctl(device, &argument)
            let made = Descriptor(owning: Int32(argument[1]), object: "device", kernel: kernel)
            #expect(Set([opened.raw, vm.raw, made.raw]).count == 3)
            #expect([opened.raw, vm.raw, made.raw].allSatisfy { fcntl($0, F_GETFD) == FD_CLOEXEC })
            let page = try Mapping(vm, count: 12288)
            #expect(page.base.load(fromByteOffset: 8192, as: UInt64.self) == 0)
        }
    }

    /// Numbers of descriptors and addresses of our own memory are other ones in every run; whether there is one at all
    /// does count.
    @Test func whatVariesIsNotCompared() throws {
        let irqs = IoctlRequest(0x3B6E, "VFIO_DEVICE_SET_IRQS")
        func call(_ kernel: KernelInterface, _ events: [Int32]) throws {
            var bytes = ([20 + 4 * Int32(events.count), 0x24, 2, 0, Int32(events.count)] + events).flatMap { word in
                (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
            }
            try Descriptor(owning: dup(2), object: "0000:00:04.0", kernel: kernel).ioctl(irqs, bytes: &bytes)
        }
        let recording = try RecordedFile { try call($0, [7, -1]) }.recording(named: "trace")
        try ReplayKernel(recording).run { try call($0, [900, -1]) }
        for (events, words) in [
            ([7, 8], "byte 24 is .., expected ff"), ([-1, -1], "byte 20 is ff, expected .."),
            ([7], "expected 28 bytes, came 24"),
        ] as [([Int32], String)] {
            let kernel = ReplayKernel(recording)
            #expect(throws: SystemCallError.self) { try call(kernel, events) }
            #expect(
                kernel.failure?.description
                    == "trace, line 2: VFIO_DEVICE_SET_IRQS on 0000:00:04.0 came with another argument: \(words)")
        }
    }
}
