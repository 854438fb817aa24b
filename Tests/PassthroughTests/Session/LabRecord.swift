import Foundation
import Testing

/// What one command in the lab left behind.
struct LabRecord: Sendable {
    let name: String
    /// Its exit status; 128 + N where signal N ended it.
    let status: Int32
    /// Its standard output: for a run, the guest's console.
    let output: [String]
    let errors: [String]
    /// What the lab host's kernel said while it ran.
    let kernelLog: [String]
    /// The report of a run, nil where there is none or it was never written.
    let report: RunReport?

    init(_ name: String, in directory: URL) throws {
        func lines(_ kind: String) throws -> [String] {
            let data = try Data(contentsOf: directory.appending(path: "\(name).\(kind)"))
            return String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
        }
        guard let status = (try? lines("status"))?.first.flatMap({ Int32($0) }) else {
            throw LabSession.Failure(description: "the script in the lab left no record of \(name)")
        }
        self.name = name
        self.status = status
        output = try lines("output")
        errors = try lines("errors")
        kernelLog = try lines("kernel")
        let report = try? Data(contentsOf: directory.appending(path: "\(name).json"))
        self.report = try report.flatMap { $0.isEmpty ? nil : try RunReport(json: $0) }
    }

    /// Everything, for the message of an expectation that isn't met.
    var account: Comment {
        Comment(
            rawValue: (["\(name): exit status \(status)"] + output.map { "| \($0)" } + errors.map { "! \($0)" }).joined(
                separator: "\n"))
    }

    /// The last line of standard error: swiftlet's word on what happened.
    var lastWord: String { errors.last ?? "" }

    /// The guest's line about one of its claims: `ok`, `FAIL why`, `skipped: why`; nil where it has none.
    func claim(_ claim: String, of guest: String) -> String? {
        let start = "\(guest): \(claim) "
        return output.last { $0.hasPrefix(start) }.map { String($0.dropFirst(start.count)) }
    }

    /// The kernel's lines about transfers that its IOMMU stopped.
    var blockedTransfers: [String] { kernelLog.filter { $0.contains("DMAR: [DMA") } }

    /// Whether the IOMMU stopped this transfer.
    /// - Parameters:
    ///   - kind: `Read` or `Write`.
    ///   - device: the host's, `00:06.0`.
    func hasBlockedTransfer(_ kind: String, by device: String, at address: String) -> Bool {
        blockedTransfers.contains {
            $0.contains("[DMA \(kind)") && $0.contains("[\(device)]") && ($0 + " ").contains("fault addr \(address) ")
        }
    }
}
