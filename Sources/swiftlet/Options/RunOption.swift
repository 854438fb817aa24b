import Boot
import KVM
import Scripting
import VMM

/// The options of `swiftlet run`, each with one entry: what it is called and takes, what is said of it, how a shell
/// completes it, which key of a suite file stands for it, and how a request takes its value.
///
/// The plain reader reads by it and the argument parser declares by it, so that `--help`, the manual page and the
/// completions come from it. Tests hold the parser's declarations, the suite's keys and docs/options.md to it.
enum RunOption: String, CaseIterable {
    case firmware = "--firmware"
    case memory = "--memory"
    case hugePages = "--hugepages"
    case cpus = "--cpus"
    case append = "--append"
    case initrd = "--initrd"
    case module = "--module"
    case format = "--format"
    case diskType = "--disk-type"
    case device = "--device"
    case timeout = "--timeout"
    case onReset = "--on-reset"
    case console = "--console"
    case consoleStamps = "--console-stamps"
    case signalKeys = "--signal-keys"
    case debugConsole = "--debug-console"
    case report = "--report"
    case cpu = "--cpu"
    case exitPort = "--exit-port"
    case exitPortStyle = "--exit-port-style"
    case testdev = "--testdev"
    case testFunction = "--test-function"
    case record = "--record"
    case trace = "--trace"
    case fileLimit = "--file-limit"
    case symbols = "--symbols"
    case postMortem = "--post-mortem"
    case expect = "--expect"
    case failOn = "--fail-on"
    case send = "--send"
    case until = "--until"

    /// Its entry. A switch, so that nothing is built of the others.
    var entry: Entry {
        switch self {
        case .firmware:
            Entry(
                "firmware",
                "Boot this firmware image instead of a kernel: a ROM below 4 GiB, such as SeaBIOS.",
                .file, key: .firmware
            ) { request, value throws(BadValue) in request.firmware = try BadValue.unlessEmpty(value) }
        case .memory:
            Entry("memory", letter: "m", "Guest memory: 256M, 2G, ...", key: .memory) {
                request, value throws(BadValue) in request.memory = try MemorySize(option: value)
            }
        case .hugePages:
            Entry(flag: "Take guest memory from the host's huge pages of 2 MiB.", key: .hugepages) {
                $0.hugePages = true
            }
        case .cpus:
            Entry("cpus", "The number of vCPUs.", key: .cpus) { request, value throws(BadValue) in
                request.cpus = try BadValue.count(value)
            }
        case .append:
            Entry(
                severalOf: "append",
                "The kernel's command line. May be given several times: the parts are joined by a blank.", key: .append
            ) { request, value in request.append = RunRequest.joined([request.append, value]) }
        case .initrd:
            Entry(
                severalOf: "initrd",
                """
                A file handed to the kernel as its initrd or multiboot module. May be given several times: the kernel \
                gets them in order.
                """,
                .file, key: .initrd
            ) { request, value throws(BadValue) in request.initrds.append(try BadValue.unlessEmpty(value)) }
        case .module:
            Entry(
                severalOf: "'file args'",
                """
                A multiboot or PVH module with its arguments. They follow the files of --initrd. May be given several \
                times.
                """,
                .file, key: .modules
            ) { request, value throws(BadValue) in
                guard let module = BootModule(words: value) else { throw BadValue("expected 'FILE ARGUMENTS'") }
                request.modules.append(module)
            }
        case .format:
            Entry(
                "format",
                """
                Boot the file as this format, without looking at its headers: pvh, linux (or one of its entries: \
                linux64, linux32, linux16), multiboot, disk or flat.
                """,
                key: .format
            ) { request, value throws(BadValue) in request.format = try BadValue.named(value) }
        case .diskType:
            Entry(
                "disk-type",
                """
                The kind of a disk image: floppy, disk or cd. (default: by its size, its partition table, its boot \
                record)
                """,
                key: .diskType
            ) { request, value throws(BadValue) in request.diskKind = try BadValue.named(value) }
        case .device:
            Entry(
                severalOf: "bdf",
                """
                Pass a PCI function to the guest: BDF[,backend=group|kvm][,msi=signal|irqfd][,slot=N][,rom=on|off]. \
                May be given several times.
                """,
                .device, key: .devices
            ) { request, value throws(BadValue) in request.devices.append(try DeviceOption(option: value)) }
        case .timeout:
            Entry("timeout", "End the run after this time: 60s, 500ms, 2m.", key: .timeout) {
                request, value throws(BadValue) in request.timeout = try TimeLimit(option: value)
            }
        case .onReset:
            Entry(
                "on-reset", "End the run when the guest resets the machine (end), or start the machine again (reboot).",
                key: .onReset
            ) { request, value throws(BadValue) in request.onReset = try BadValue.named(value) }
        case .console:
            Entry(
                "console",
                """
                Where the guest's serial console goes: stdio, quoted (stdio with control characters, invisible ones \
                and CI systems' commands made visible), none, file:PATH.
                """,
                .console
            ) { request, value throws(BadValue) in request.console = try ConsoleOption(option: value) }
        case .consoleStamps:
            Entry(
                flag: """
                    Put the time before each line of the console's output, in seconds from the first vCPU's start: \
                    [    1.234567].
                    """,
                key: .consoleStamps
            ) { $0.consoleStamps = true }
        case .signalKeys:
            Entry(
                "signal-keys",
                """
                The target of ^C, ^\\ and ^Z at a terminal: they end or stop swiftlet (host), or go to the guest \
                (guest). ^A x \
                ends the run, ^A h shows the keys.
                """
            ) { request, value throws(BadValue) in request.signalKeys = try BadValue.named(value) }
        case .debugConsole:
            Entry(
                "debug-console",
                """
                Show a debug port on the console: 0x402, where firmware prints (console), 0xe9, where kernels do \
                (e9), or none.
                """,
                key: .debugConsole
            ) { request, value throws(BadValue) in request.debugConsole = try BadValue.named(value) }
        case .report:
            Entry(
                severalOf: "report",
                "Write a report of the run: json:PATH, junit:PATH, tap:PATH. May be given several times.", .report,
                key: .report
            ) { request, value throws(BadValue) in request.reports.append(try ReportOption(option: value)) }
        case .cpu:
            Entry(
                "model",
                """
                The guest's processor, as QEMU's -cpu takes it: host, host,-xsave, qemu64,+x2apic, ... (default: host)
                """,
                .processor, key: .cpu
            ) { request, value throws(BadValue) in
                request.cpu = try BadValue.read { () throws(CPUModel.ParseError) in try CPUModel(value) }
            }
        case .exitPort:
            Entry(
                "port",
                """
                The port that ends the run when the guest writes a value to it: 0xf4, 0x501, another free port, or \
                none.
                """,
                .words(["0xf4", "0x501", "none"]), key: .exitPort
            ) { request, value throws(BadValue) in request.exitPort = try ExitPortOption(option: value) }
        case .exitPortStyle:
            Entry(
                "exit-port-style",
                """
                The exit status for a value written to the exit port: the value (plain), or that of QEMU's \
                isa-debug-exit.
                """,
                key: .exitPortStyle
            ) { request, value throws(BadValue) in request.exitPortStyle = try BadValue.named(value) }
        case .testdev:
            Entry(flag: "Add the test device of kvm-unit-tests: docs/kvm-unit-tests.md.", key: .testdev) {
                $0.testdev = true
            }
        case .testFunction:
            Entry(
                severalOf: "slot",
                """
                Add a PCI function that raises INTx, MSI and MSI-X on request, in this slot (1 to 31, or auto): \
                docs/machine.md. May be given several times.
                """,
                .words(["auto"]), key: .testFunctions
            ) { request, value throws(BadValue) in
                request.testFunctions.append(try TestFunctionOption(option: value))
            }
        case .record:
            Entry(
                "record", "Record every call to KVM, VFIO and the devices' registers in this file: docs/recording.md.",
                .file
            ) { request, value throws(BadValue) in request.record = try BadValue.unlessEmpty(value) }
        case .trace:
            Entry(
                "trace", "Write a timeline of the run to this file, for Perfetto's viewer: docs/trace.md.",
                .file, key: .trace
            ) { request, value throws(BadValue) in request.trace = try BadValue.unlessEmpty(value) }
        case .fileLimit:
            Entry(
                "size",
                """
                The size limit of the console's file, the recording and the trace, each: 64M, 4G, or none. Bytes \
                beyond it are counted, not written. (default: console 1G, recording 256M, trace 1G)
                """,
                key: .fileLimit
            ) { request, value throws(BadValue) in request.fileLimit = try SizeLimit(option: value) }
        case .symbols:
            Entry(
                "symbols",
                """
                The kernel's symbols for the post-mortem of a guest that hangs or dies: its ELF file (vmlinux) or \
                System.map. (default: the kernel itself)
                """,
                .file, key: .symbols
            ) { request, value throws(BadValue) in request.symbols = try BadValue.unlessEmpty(value) }
        case .postMortem:
            Entry(
                "post-mortem",
                """
                How much to print about a guest that hangs or dies: the reason in a few lines (short), also its \
                registers, stack, interrupt controllers and last exits (full), or nothing (off).
                """,
                key: .postMortem
            ) { request, value throws(BadValue) in request.postMortem = try BadValue.named(value) }
        case .expect:
            Entry(
                severalOf: "regex",
                """
                Pass when the console has printed this, else fail. May be given several times: the run passes when all \
                were seen, in any order.
                """,
                key: .expect
            ) { request, value throws(BadValue) in
                request.script.expectations.append(
                    try BadValue.read { () throws(RegularExpression.Malformed) in try RegularExpression(value) })
            }
        case .failOn:
            Entry(
                severalOf: "regex|none",
                """
                End the run as failed when the console prints this. A Linux kernel's panics, oopses, BUGs, stalls and \
                lockups end it by default; none turns that off.
                """,
                .words(["none"]), key: .failOn
            ) { request, value throws(BadValue) in
                try BadValue.read { () throws(RegularExpression.Malformed) in try FailOption(value) }
                    .add(to: &request.script)
            }
        case .send:
            Entry(
                severalOf: "regex=text",
                """
                Type TEXT, with the escapes \\n \\r \\t \\e \\xNN, when the console prints this. Once each; several \
                with the same REGEX take turns.
                """,
                key: .send
            ) { request, value throws(BadValue) in
                request.script.answers.append(
                    try BadValue.read { () throws(ConsoleAnswer.Malformed) in try ConsoleAnswer(value) })
            }
        case .until:
            Entry(
                "until",
                """
                When a run with --expect ends: expected, as soon as all was seen, or end, when the guest ends by \
                itself.
                """,
                key: .until
            ) { request, value throws(BadValue) in
                let condition: EndCondition = try BadValue.named(value)
                request.script.endsWhenMet = condition == .expected
            }
        }
    }
}
