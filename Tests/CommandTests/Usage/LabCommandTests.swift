import Lab
import Testing

@testable import swiftlet

struct LabCommandTests {
    @Test("Devices keep their order on the command line across both options")
    func order() throws {
        func models(_ arguments: String...) throws -> [String] {
            try LabCommand.parse(arguments + ["--", "true"]).devices.map(\.model)
        }
        #expect(try models("--nic", "e1000e", "--pci", "edu") == ["e1000e", "edu"])
        #expect(try models("--pci", "edu", "--nic", "e1000e") == ["edu", "e1000e"])
        let mixed = try models("--pci=nvme", "--nic", "e1000", "--cpus", "1", "--pci", "edu", "--nic=igb")
        #expect(mixed == ["nvme", "e1000", "edu", "igb"])
    }

    @Test func bindTakesADriverOrVFIO() throws {
        #expect(try LabCommand.parse(["--nic", "e1000e", "--", "true"]).bind == nil)
        #expect(try LabCommand.parse(["--nic", "e1000e", "--bind", "--", "true"]).bind == .vfioPCI)
        #expect(try LabCommand.parse(["--bind", "--nic", "e1000e", "--", "true"]).bind == .vfioPCI)
        #expect(try LabCommand.parse(["--nic", "e1000e", "--bind", "pci-stub", "--", "true"]).bind == .pciStub)
        #expect(throws: (any Error).self) { try LabCommand.parse(["--bind", "nvme", "--", "true"]) }
    }

    @Test(
        arguments: [([], 64 << 20), (["--console-log-limit", "64K"], 64 << 10), (["--console-log-limit=none"], .max)]
            as [([String], Int)])
    func theHostsLogHasALimit(options: [String], bytes: Int) throws {
        let configuration = try LabCommand.parse(options + ["--console-log", "log", "--", "true"]).labConfiguration()
        #expect(configuration.consoleLog == "log")
        #expect(configuration.consoleLogLimit.bytes == bytes)
        #expect(throws: (any Error).self) { try LabCommand.parse(["--console-log-limit", "63K", "--", "true"]) }
    }

    @Test func theCommandIsTakenAsItStands() throws {
        let command = ["sh", "-c", "true", "--nic", "x", "--"]
        #expect(try LabCommand.parse(["--cpus", "1", "--"] + command).command == command)
    }
}
