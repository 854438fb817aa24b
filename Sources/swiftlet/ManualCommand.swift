import ArgumentParser
import Glibc
import LinuxSystem

/// `swiftlet manual`: the manual pages, made of what `--help` is made of. For `make install`.
struct ManualCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manual", abstract: "Write the manual pages into a directory.", shouldDisplay: false)

    @Argument(help: "Where to, as NAME.1 each.", completion: .directory)
    var directory: String

    func run() throws {
        for page in ManualPage.all(of: try CommandHelp.ofProgram()) {
            let path = "\(directory)/\(page.name).1"
            do throws(SystemCallError) {
                let file = try Descriptor(opening: path, flags: O_WRONLY | O_CREAT | O_TRUNC)
                _ = fchmod(file.raw, 0o644)
                let bytes = Array(page.text.utf8)
                try bytes.withUnsafeBufferPointer { (bytes) throws(SystemCallError) in try file.write(UnsafeRawBufferPointer(bytes), at: 0) }
            } catch {
                StandardError.say("\(path) can't be written: \(error.errno)", as: "swiftlet manual")
                throw ExitCode(ExitStatus.cannotCreate)
            }
        }
    }
}
