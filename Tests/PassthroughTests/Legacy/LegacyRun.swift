import Foundation
import Testing

/// Runs on a lab host of Linux 2.6.31 to 4.11 whose KVM assigns devices itself: an e1000e at 00:04.0 and an edu at
/// 00:05.0, both held by pci-stub. Its kernel comes from whoever runs the tests (`make test-legacy KERNEL=...`,
/// docs/legacy.md): no distribution has one any more.
struct LegacyRun {
    static let kernel = ProcessInfo.processInfo.environment["SWIFTLET_LEGACY_KERNEL"].flatMap { $0.isEmpty ? nil : $0 }
    static let absence: Comment =
        "the host lacks a kernel of Linux 2.6.31 to 4.11 with KVM's own assignment (make test-legacy KERNEL=...)"
    static let e1000e = "0000:00:04.0"
    static let edu = "0000:00:05.0"

    let status: Int32
    let output: [String]
    let errors: [String]
    let report: RunReport?
    /// The recording of its calls, a line each.
    let recording: [String]

    /// One lab with one command in it, as a person would type it.
    /// - Parameters:
    ///   - name: of its folder below .build/passthrough.
    ///   - lab: further options of `swiftlet lab`; the devices and who holds them, if nothing else is said.
    ///   - command: what runs there.
    init(_ name: String, lab: [String] = ["--nic", "e1000e", "--pci", "edu", "--bind", "pci-stub"], command: [String])
        async throws
    {
        let kernel = try #require(Self.kernel)
        let directory = Package.root.appending(path: ".build/passthrough/legacy-\(name)")
        try? FileManager.default.removeItem(at: directory)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let files = ["output", "errors"].map { directory.appending(path: $0) }
        status = try await LabProcess.run(
            ["--timeout", "120s", "--kernel", kernel] + lab + [
                "--console-log", directory.appending(path: "kernel").path, "--",
            ] + command,
            in: directory, output: files[0], errors: files[1])
        func lines(_ file: URL) -> [String] {
            ((try? String(decoding: Data(contentsOf: file), as: UTF8.self)) ?? "").split(whereSeparator: \.isNewline)
                .map(String.init)
        }
        (output, errors) = (lines(files[0]), lines(files[1]))
        let json = try? Data(contentsOf: directory.appending(path: "report.json"))
        report = try json.flatMap { $0.isEmpty ? nil : try RunReport(json: $0) }
        recording = lines(directory.appending(path: "recording"))
    }

    /// A guest with a report and a recording.
    static func guest(_ name: String, _ guest: String, _ append: String, _ options: [String]) async throws -> LegacyRun
    {
        try await LegacyRun(
            name,
            command: [
                Package.binary, "run", "\(Package.guests)/\(guest).elf", "--append", append, "--memory", "64M",
                "--timeout", "60s",
            ]
                + ["--report", "json:report.json", "--record", "recording"] + options)
    }

    /// Everything, for the message of an expectation that isn't met.
    var account: Comment {
        Comment(
            rawValue: (["exit status \(status)"] + output.map { "| \($0)" } + errors.map { "! \($0)" }).joined(
                separator: "\n"))
    }

    func claim(_ claim: String) -> String? {
        let start = "intx: \(claim) "
        return output.last { $0.hasPrefix(start) }.map { String($0.dropFirst(start.count)) }
    }
}
