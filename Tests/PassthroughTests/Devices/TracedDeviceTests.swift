import Foundation
import Testing

/// What a trace shows of a passed-through device: docs/trace.md.
@Suite struct TracedDeviceTests {
    private struct File: Decodable {
        struct Event: Decodable {
            struct Arguments: Decodable {
                let bar, offset, answer, text: String?
            }

            let name: String
            let cat: String?
            let tid: Int
            let args: Arguments?
        }

        let traceEvents: [Event]
    }

    private func events(of run: String) async throws -> [File.Event] {
        let record = try await EndsLab.session.record(run)
        #expect(record.status == 0, record.account)
        let text = try await EndsLab.session.record("\(run)-events").output.joined(separator: "\n")
        return try JSONDecoder().decode(File.self, from: Data(text.utf8)).traceEvents
    }

    @Test("accesses to its registers and its messages are named after the function")
    func registersAndMessages() async throws {
        let events = try await events(of: "traced-msix")
        // The guest's first write to the MSI-X table, which lies in BAR 0 behind the registers.
        let write = try #require(events.first { $0.name.hasPrefix("mmio_write ") && $0.args?.bar != nil })
        #expect(write.name == "mmio_write \(EndsLab.nvme) BAR 0 + 0x2000")
        #expect(write.args?.bar == "\(EndsLab.nvme) BAR 0")
        #expect(write.tid == 100)
        let messages = events.filter { $0.name.hasPrefix("\(EndsLab.nvme) msix vector 0: vector ") }
        #expect(messages.count == 9)
        #expect(
            messages.allSatisfy {
                $0.cat == "interrupt" && $0.args?.answer == "delivered" && $0.args?.text == $0.name
            })
    }

    @Test("the guest's acknowledgements of INTx are in the trace")
    func lines() async throws {
        let events = try await events(of: "traced-intx")
        #expect(events.contains { $0.name.hasPrefix("INTx GSI ") && $0.name.hasSuffix(" acknowledged") && $0.tid == 3 })
    }
}
