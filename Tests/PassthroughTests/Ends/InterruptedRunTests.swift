import Testing

/// Runs that end from outside while their guest drives a device: everything is put back, and the next run works.
@Suite struct InterruptedRunTests {
    enum Signal: String, CaseIterable, Sendable {
        case TERM, INT, HUP, KILL

        var status: Int32 {
            switch self {
            case .TERM: 128 + 15
            case .INT: 128 + 2
            case .HUP: 128 + 1
            case .KILL: 128 + 9
            }
        }
    }

    /// COMMAND's bit that lets a function do DMA.
    static let busMaster: UInt16 = 1 << 2

    /// What `command_register` of the script read.
    static func command(_ record: LabRecord) throws -> UInt16 {
        let text = try #require(record.output.first, record.account)
        return try #require(UInt16(text.filter { $0 != " " }, radix: 16), record.account)
    }

    @Test("the exit status is 128 plus the signal's number", arguments: Signal.allCases)
    func status(_ signal: Signal) async throws {
        let record = try await EndsLab.session.record("signal-\(signal.rawValue)")
        #expect(record.status == signal.status, record.account)
        #expect(record.output.last == "nvme: holding until something is typed", record.account)
    }

    @Test(
        "the last word and the report say that a signal ended it",
        arguments: [(Signal.TERM, "SIGTERM"), (.INT, "SIGINT (^C)"), (.HUP, "SIGHUP")])
    func report(_ signal: Signal, _ name: String) async throws {
        let record = try await EndsLab.session.record("signal-\(signal.rawValue)")
        #expect(record.lastWord == "swiftlet: ended by \(name)", record.account)
        let report = try #require(record.report)
        #expect(report.outcome == "interrupted")
        #expect(report.exitStatus == signal.status)
        // Three commands and DMA to three places, before it held.
        #expect(report.device(EndsLab.nvme)?.messages.first?.counts?.delivered == 6)
    }

    @Test("the device can do DMA during the run and none after it", arguments: Signal.allCases)
    func deviceIsPutBack(_ signal: Signal) async throws {
        let during = try Self.command(try await EndsLab.session.record("during-\(signal.rawValue)"))
        let after = try Self.command(try await EndsLab.session.record("after-\(signal.rawValue)"))
        #expect(during & Self.busMaster != 0, "COMMAND was 0x\(String(during, radix: 16))")
        #expect(after & Self.busMaster == 0, "COMMAND is 0x\(String(after, radix: 16))")
    }

    @Test("the device works in the next run", arguments: Signal.allCases)
    func nextRunWorks(_ signal: Signal) async throws {
        let record = try await EndsLab.session.record("next-\(signal.rawValue)")
        #expect(record.status == 0, record.account)
        #expect(NVMeTests.interruptsOfPass(record) == 9, record.account)
        #expect(record.blockedTransfers.isEmpty)
    }

    /// The e1000e is reset before and after a run; the e1000 can't be, so that its guest finds it as the one before
    /// left it.
    @Test("a NIC whose rings were running works in the next run", arguments: ["e1000e", "e1000"], ["TERM", "KILL"])
    func runningRings(_ nic: String, _ signal: String) async throws {
        let interrupted = try await EndsLab.session.record("ring-\(nic)-\(signal)")
        #expect(interrupted.status == (signal == "TERM" ? 143 : 137), interrupted.account)
        let next = try await EndsLab.session.record("ring-\(nic)-\(signal)-next")
        #expect(next.status == 0, next.account)
        #expect(NICTests.interruptsOfPass(next, mode: nic == "e1000e" ? .msi : .intx) != nil, next.account)
        #expect(next.blockedTransfers.isEmpty, "\(next.kernelLog)")
    }
}
