import Foundation

/// One boot of the nested lab: the script that runs in it, and what its commands left behind. Booted once, when the
/// first test asks.
final class LabSession: Sendable {
    /// Where the lab, or the script in it, went wrong, so that nothing can be said about the tests.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let boot: Task<URL, any Error>

    /// - Parameters:
    ///   - name: of its folder below .build/passthrough.
    ///   - devices: the options of `swiftlet lab` that put devices into it.
    ///   - timeout: how long it may take.
    ///   - host: further options, made as it boots: which kernel it has.
    ///   - script: for bash, after the functions of `LabScript`.
    init(
        _ name: String, devices: [String], timeout: String = "300s",
        host: @escaping @Sendable () async throws -> [String] = { [] }, script: String
    ) {
        boot = Task { try await Self.boot(name, ["--timeout", timeout] + devices + host(), LabScript.text(script)) }
    }

    /// What the command of this name in the script left behind.
    func record(_ name: String) async throws -> LabRecord {
        try LabRecord(name, in: try await boot.value)
    }

    private static func boot(_ name: String, _ devices: [String], _ script: String) async throws -> URL {
        let directory = Package.root.appending(path: ".build/passthrough/\(name)")
        try? FileManager.default.removeItem(at: directory)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let scriptFile = directory.appending(path: "script")
        try script.write(to: scriptFile, atomically: false, encoding: .utf8)
        guard FileManager.default.isExecutableFile(atPath: Package.binary) else {
            throw Failure(description: "\(Package.binary) is missing: run make build first")
        }

        let log = directory.appending(path: "log")
        let status = try await LabProcess.run(
            ["--console-log", directory.appending(path: "kernel").path] + devices
                + ["--", "/bin/bash", scriptFile.path, Package.binary, Package.guests, directory.path],
            in: Package.root, output: log)
        guard status == 0 else {
            let words = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
            throw Failure(description: "the lab \(name) ended with status \(status): \(words.suffix(4000))")
        }
        return directory
    }
}

/// Where things of this package are.
enum Package {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
        .deletingLastPathComponent()
    /// The release binary: what is tested is what is shipped.
    static let binary =
        ProcessInfo.processInfo.environment["SWIFTLET_BINARY"] ?? root.appending(path: ".build/release/swiftlet").path
    static let guests = root.appending(path: "guests/build").path
}
