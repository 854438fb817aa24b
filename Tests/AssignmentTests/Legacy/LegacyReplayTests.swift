import Glibc
import KVM
import LinuxSystem
import PCI
import TestSupport
import Testing

@testable import Assignment
@testable import VMM

/// Runs of guests/nic and guests/intx recorded on a Linux 4.9 host (`swiftlet run --record`, in the lab), driven again
/// without that kernel: what the guest did stands in the recording, and each call that answers it must be the one that
/// was made there.
@Suite struct LegacyReplayTests {
    static let recordings = ["nic-intx", "nic-msi", "nic-msix", "intx"]

    /// One access that the guest made, as a comment of the recording has it.
    private struct Access {
        let isWrite: Bool
        /// nil: configuration space.
        let range: Int?
        let offset: Int
        let width: Int
        let value: UInt64

        init?(_ line: Substring) {
            guard
                let found = line.wholeMatch(
                    of:
                        /# guest 0000:00:04\.0 (config|range ([0-5])) (read|write) 0x([0-9a-f]+) width ([0-9]+)(?: value 0x([0-9a-f]+))?/
                ),
                let offset = Int(found.4, radix: 16), let width = Int(found.5)
            else { return nil }
            isWrite = found.3 == "write"
            range = found.2.flatMap { Int($0) }
            self.offset = offset
            self.width = width
            value = found.6.flatMap { UInt64($0, radix: 16) } ?? 0
        }
    }

    private static func text(_ name: String) throws -> String {
        let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        let file = try Descriptor(opening: "/\(folder)/Recordings/\(name).recording", flags: O_RDONLY)
        var status = stat()
        #expect(fstat(file.raw, &status) == 0)
        return String(decoding: try file.read(count: Int(status.st_size), at: 0), as: UTF8.self)
    }

    /// What belongs to the function: KVM's calls for it, its routes, its registers.
    @Sendable private static func isOurs(_ call: RecordedCall) -> Bool {
        call.name.hasPrefix("KVM_ASSIGN") || call.name.hasPrefix("KVM_DEASSIGN") || call.name == "KVM_SET_GSI_ROUTING"
            || call.object.hasSuffix("0000:00:04.0/config") && call.name != "open"
    }

    /// Does what the recorded run did.
    /// - Parameter change: alters the guest's accesses, or the recording.
    private func drive(
        _ name: String, change: (inout String) -> Void = { _ in }, leavingOut skip: (Int) -> Bool = { _ in false }
    ) throws {
        var text = try Self.text(name)
        let accesses = text.split(separator: "\n").compactMap { $0.hasPrefix("# guest") ? Access($0) : nil }
        #expect(accesses.count > 5)
        change(&text)
        let recording = try Recording(Array(text.utf8), name: name)
        var replay: ReplayKernel?
        let fixture = try LegacyFixture { root, kernel in
            let made = ReplayKernel(
                recording, naming: { $0.hasPrefix(root) ? String($0.dropFirst(root.count)) : $0 }, otherwise: kernel,
                only: Self.isOurs)
            replay = made
            return made
        }
        let replayed = try #require(replay)
        try replayed.run { _ in
            // The board's own wiring, which the machine lays before it has any function.
            try fixture.vm.setRouting(IRQRouting())
            let backend = try fixture.open()
            let failures = fixture.failures
            let function = try AssignedFunction(
                backend, line: { pin throws(SystemCallError) in try InterruptLine(gsi: 17, vm: fixture.vm) },
                kernel: replayed, onFailure: { failures.add($0) })
            for (number, access) in accesses.enumerated() where !skip(number) {
                switch (access.range, access.isWrite) {
                case (nil, true):
                    function.writeConfig(
                        access.offset, UInt32(truncatingIfNeeded: access.value), width: access.width, remap: {})
                case (nil, false): _ = function.readConfig(access.offset, width: access.width)
                case (let range?, true):
                    function.writeBAR(range, offset: UInt64(access.offset), access.value, width: access.width)
                case (let range?, false):
                    _ = function.readBAR(range, offset: UInt64(access.offset), width: access.width)
                }
            }
            backend.release()
        }
        #expect(fixture.failures.all == [])
    }

    @Test(arguments: recordings) func theRunIsTheRecordedOne(name: String) throws {
        try drive(name)
    }

    @Test(arguments: recordings) func anAccessLessIsADifference(name: String) throws {
        let writes = try Self.text(name).split(separator: "\n").filter { $0.hasPrefix("# guest") }.enumerated().filter {
            $0.element.contains("config write 0x4 ")
        }.map(\.offset)
        let left = try #require(writes.last)
        #expect(throws: ReplayFailure.self) { try drive(name, leavingOut: { $0 == left }) }
    }

    @Test(arguments: recordings) func aCallLessInTheRecordingIsADifference(name: String) throws {
        for call in ["KVM_ASSIGN_DEV_IRQ", "KVM_DEASSIGN_DEV_IRQ", "KVM_DEASSIGN_PCI_DEVICE"] {
            #expect(throws: ReplayFailure.self, "\(call)") {
                try drive(name, change: { text in text = Self.removing(call, from: text) })
            }
        }
    }

    /// Takes the first line with a call out and counts the rest anew.
    private static func removing(_ call: String, from text: String) -> String {
        var isGone = false
        var number = 0
        var lines: [String] = []
        for line in text.split(separator: "\n") {
            if line.hasPrefix("#") || line.hasPrefix("swiftlet-recording") {
                lines.append(String(line))
            } else if line.hasPrefix("end ") {
                lines.append("end \(number)")
            } else if !isGone, line.contains(" \(call) ") {
                isGone = true
            } else {
                number += 1
                lines.append("\(number) \(line.drop { $0 != " " }.dropFirst())")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: The order of the mask

    /// What was asked for between a guest's write of COMMAND and its next access.
    private static func answers(_ name: String) throws -> [(before: UInt64, after: UInt64, calls: [String])] {
        var answers: [(before: UInt64, after: UInt64, calls: [String])] = []
        var command: UInt64 = 0
        var isOpen = false
        for line in try text(name).split(separator: "\n") {
            if let access = Access(line) {
                isOpen = access.isWrite && access.range == nil && access.offset == 4 && access.width == 2
                if isOpen {
                    answers.append((command, access.value, []))
                    command = access.value
                }
            } else if isOpen, !line.contains("KVM_SET_USER_MEMORY_REGION") {
                answers[answers.count - 1].calls.append(String(line.drop { $0 != " " }.dropFirst()))
            }
        }
        // What follows the last access is the end of the run.
        return Array(answers.dropLast())
    }

    @Test("the mask precedes the register in both directions")
    func maskPrecedesRegister() throws {
        let changes = try Self.answers("intx").filter { ($0.before ^ $0.after) & 0x400 != 0 }
        #expect(changes.filter { $0.after & 0x400 != 0 }.count >= 3)
        #expect(changes.filter { $0.after & 0x400 == 0 }.count >= 3)
        for change in changes {
            try #require(change.calls.count == 2, "\(change.calls)")
            #expect(
                change.calls[0].hasPrefix(
                    "\"virtual machine\" KVM_ASSIGN_SET_INTX_MASK 0x4040aea4 [20000000000000002000000006")
                    == (change.after & 0x400 != 0))
            #expect(
                change.calls[0].hasPrefix(
                    "\"virtual machine\" KVM_ASSIGN_SET_INTX_MASK 0x4040aea4 [20000000000000002000000002")
                    == (change.after & 0x400 == 0))
            let high = change.after & 0x400 != 0 ? "04" : "00"
            #expect(change.calls[1].hasPrefix("\"/sys/bus/pci/devices/0000:00:04.0/config\" pwrite 0x4 [0"))
            #expect(change.calls[1].hasSuffix("\(high)] = 2"))
        }
    }

    @Test("a write that does not change the bit makes no other call", arguments: recordings) func unchangedBit(
        name: String
    ) throws {
        let others = try Self.answers(name).filter { ($0.before ^ $0.after) & 0x400 == 0 }
        #expect(others.count >= 3)
        for other in others {
            try #require(other.calls.count == 1, "\(other.calls)")
            #expect(other.calls[0].contains("/config\" pwrite 0x4 "), "\(other.calls)")
        }
    }
}
