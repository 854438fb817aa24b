import LinuxSystem
import TestSupport

/// A recording in a file, and its text.
struct RecordedFile {
    let directory: TemporaryDirectory
    let path: String

    init(_ body: (CallRecorder) throws -> Void, kernel: KernelInterface = ScriptedKernel()) throws {
        directory = try TemporaryDirectory()
        path = "\(directory.path)/recording"
        let recorder = try CallRecorder(path: path, kernel: kernel)
        try body(recorder)
        try recorder.finish()
    }

    // The directory goes with its last owner, which may be sooner than the end of a scope.
    var text: String {
        get throws { try withExtendedLifetime(directory) { String(decoding: try readFile(path), as: UTF8.self) } }
    }
    var recording: Recording { get throws { try withExtendedLifetime(directory) { try Recording(path: path) } } }

    func recording(named name: String) throws -> Recording { try Recording(Array(text.utf8), name: name) }
}
