import KVM

/// The requirements of a test of kvm-unit-tests as swiftlet's options. Its parameters are written for QEMU's command
/// line.
///
/// A test with an unsupported requirement is skipped, with the reason. Parameters without an effect here are ignored:
/// the accelerator, which is always KVM; `pit=off`, which only lets a host's interrupt hardware serve the guest
/// directly.
struct UnitTestPlan {
    /// The default machine of kvm-unit-tests: QEMU's `pc`.
    private var memory = "128M"
    private var cpus: String
    private var cpu = "qemu64"
    private var append: String?
    private var initrd: String?

    /// The reason why a test can't be run here, as printed after SKIP.
    struct Unsupported: Error, Equatable {
        let reason: String
    }

    /// - Parameters:
    ///   - time: seconds since 1970, for tests that get it from a shell.
    init(_ test: UnitTestsFile.Test, time: Int) throws(Unsupported) {
        cpus = test.smp
        guard let count = Int(cpus), count > 0 else { throw Unsupported(reason: "its smp is no number: \(cpus)") }
        let line = (test.arguments.isEmpty ? "" : "-append \(test.arguments) ") + test.parameters
        var words: ArraySlice<String>
        do throws(ShellWords.SplitError) {
            words = try ShellWords.split(line) { $0 == "date +%s" ? "\(time)" : nil }[...]
        } catch {
            throw Unsupported(reason: "its parameters have \(error)")
        }
        while let option = words.popFirst() { try parse(option, &words) }
    }

    private mutating func parse(_ option: String, _ rest: inout ArraySlice<String>) throws(Unsupported) {
        func value() throws(Unsupported) -> String {
            guard let value = rest.popFirst() else { throw Unsupported(reason: "its \(option) has no value") }
            return value
        }
        // QEMU accepts one hyphen or two.
        switch option.hasPrefix("--") ? String(option.dropFirst()) : option {
        case "-enable-kvm", "-no-reboot", "-nodefaults": break
        case "-append": append = try value()
        case "-initrd": initrd = try value()
        case "-smp": cpus = try value()
        case "-m": memory = try Self.memory(try value())
        case "-cpu":
            cpu = try value()
            do throws(CPUModel.ParseError) { _ = try CPUModel(cpu) } catch {
                throw Unsupported(reason: "asks for -cpu \(cpu): \(error)")
            }
        case "-machine", "-M": try Self.check(machine: try value())
        case "-accel":
            let name = try value()
            guard name.split(separator: ",").first == "kvm" else {
                throw Unsupported(reason: "asks for -accel \(name)")
            }
        case "-device":
            let device = try value()
            guard
                ["pc-testdev", "pci-testdev", "isa-debug-exit"].contains(
                    device.split(separator: ",").first.map(String.init) ?? "")
            else {
                throw Unsupported(reason: "asks for -device \(device)")
            }
        default:
            let argument = rest.first.flatMap { $0.hasPrefix("-") ? nil : " \($0)" } ?? ""
            throw Unsupported(reason: "asks for \(option)\(argument)")
        }
    }

    /// Parses a size; QEMU's default unit is MiB.
    private static func memory(_ text: String) throws(Unsupported) -> String {
        let named = text.last?.isNumber == true ? "\(text)M" : text
        guard MemorySize(argument: named) != nil else { throw Unsupported(reason: "asks for -m \(text)") }
        return named
    }

    private static func check(machine: String) throws(Unsupported) {
        for word in machine.split(separator: ",") {
            switch word {
            case "pc", "type=pc", "q35", "type=q35", "accel=kvm", "kernel-irqchip=on", "kernel_irqchip=on", "pit=off",
                "pit=on":
                break
            default: throw Unsupported(reason: "asks for -machine \(machine)")
            }
        }
    }

    /// Returns the arguments of `swiftlet`.
    /// - Parameters:
    ///   - image: the image's path.
    ///   - environment: the file from which tests read variables, if there is one.
    func arguments(image: String, environment: String?) -> [String] {
        var words = ["run", image, "--memory", memory, "--cpus", cpus, "--cpu", cpu, "--testdev"]
        // As one word each, since a value may begin with a hyphen.
        if let append { words.append("--append=\(append)") }
        if let initrd = initrd ?? environment { words.append("--initrd=\(initrd)") }
        return words
    }
}
