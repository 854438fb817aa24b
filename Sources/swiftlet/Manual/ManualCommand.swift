import ArgumentParser
import Glibc
import LinuxSystem

/// `swiftlet manual`: the manual pages, made from the texts of `--help`. For `make install`.
struct ManualCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manual", abstract: "Write the manual pages into a directory.", shouldDisplay: false)

    @Argument(help: "Where to, as NAME.1 each.", completion: .directory)
    var directory: String

    func run() throws {
        for page in ManualPage.all(of: try CommandHelp.ofProgram()) {
            let path = "\(directory)/\(page.name).1"
            do throws(OutputFileError) {
                let file = try OutputFile(path)
                _ = fchmod(file.descriptor.raw, 0o644)
                let bytes = Array(page.text.utf8)
                do throws(SystemCallError) { try file.descriptor.write(contents: bytes) } catch { throw .system(error) }
            } catch {
                StandardError.say("\(path) can't be written: \(error)", as: "swiftlet manual")
                throw ExitCode(ExitStatus.cannotCreate)
            }
        }
    }
}
