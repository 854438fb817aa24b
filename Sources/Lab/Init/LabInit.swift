import HostSystem
import LinuxSystem

/// The first program of the lab's host: a script for busybox, and the files it reads.
///
/// It reports its progress on the second serial port, one line each: `stage TEXT`, `started`, `exit STATUS`, `failed
/// TEXT`. If that port carries the command's input too, `more` asks for a line of it; if files are sent back, they are
/// lines of base64 between `files` and `end`.
struct LabInit: Sendable {
    let configuration: LabConfiguration
    let interface: HostInterface
    /// The mark at the end of the command's two streams; see `EndMark`.
    let mark: EndMark

    /// Lists of modules that the script loads: `root` and `virtualization` in parallel, before them the modules that
    /// both need; the last once the devices are bound.
    enum ModuleList: CaseIterable {
        case shared, root, virtualization, requested
    }

    /// The commands that the script calls by name; all others are built into the shell.
    static let applets = [
        "cat", "chroot", "env", "hostname", "ifconfig", "insmod", "ln", "mkdir", "mkfifo", "mount", "poweroff",
        "readlink", "setsid", "sh",
        "sleep", "sync",
    ]

    private var parts: InterfaceScript {
        InterfaceScript(interface: interface, currentDirectory: configuration.currentDirectory)
    }

    /// The script. Of the command's own text it contains only quoted words.
    var script: String {
        """
        #!/bin/sh
        export PATH=/bin
        mount -t devtmpfs dev /dev
        mount -t proc proc /proc
        mount -t sysfs sys /sys
        # A CPU that stands still for good is a crash, also where it takes no interrupts and can't see so itself. QEMU
        # before 8.1 has such, by stale translations of code that another CPU has patched.
        [ ! -e /proc/sys/kernel/panic_on_rcu_stall ] || echo 1 > /proc/sys/kernel/panic_on_rcu_stall
        exec 4> /dev/ttyS1
        say() { echo "$*" >&4; }
        fail() { say "failed $*"; while :; do sleep 1000; done; }
        load() { while read -r module; do insmod "/modules/$module"; done < "/modules/$1"; }

        say stage loading modules
        load \(ModuleList.shared)
        load \(ModuleList.virtualization) &
        virtualization=$!
        load \(ModuleList.root)

        \(parts.root)
        mount -t proc proc proc
        mount -t sysfs sys sys
        mount -t devtmpfs dev dev
        mkdir -p dev/pts dev/shm
        mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts dev/pts
        mount -t tmpfs -o mode=1777 shm dev/shm
        for link in fd:/proc/self/fd stdin:/proc/self/fd/0 stdout:/proc/self/fd/1 stderr:/proc/self/fd/2; do
            ln -s "${link#*:}" "dev/${link%%:*}"
        done
        \(parts.work)
        # The root of the mount namespace, as after switch_root: the command may unshare and pivot as on any host.
        mount --move . /
        hostname lab
        ifconfig lo up

        wait $virtualization
        \(anchor)
        \(binding)
        load \(ModuleList.requested)

        mkfifo /in /out /err
        \(parts.streams)
        cat < /out >&5 4>&- 6>&- &
        output=$!
        cat < /err >&6 4>&- 5>&- &
        error=$!
        # A line, or nothing where it could not start: a host without KVM has no need of it.
        read -r ready < /anchor
        \(parts.before)
        say started
        # Not in the background, where it would start with SIGINT and SIGQUIT ignored; and in parentheses, lest the
        # shell's own word on how it ended goes to its standard error.
        ( exec setsid \(command) ) < /in > /out 2> /err 4>&- 5>&- 6>&-
        status=$?

        # The streams end when nothing holds them any more. What the command left running gets a second, then is killed.
        (
            read -r self rest < /proc/self/stat
            sleep 1
            for process in /proc/[0-9]*; do
                process=${process#/proc/}
                case " 1 $self $input $output $error $anchor " in *" $process "*) ;; *) kill -9 $process ;; esac
            done
        ) 2> /dev/null &
        killer=$!
        wait $output
        printf %s \(Self.quoted(mark.text)) >&5
        wait $error
        printf %s \(Self.quoted(mark.text)) >&6
        kill -9 $killer 2> /dev/null
        \(parts.after)
        say "exit $status"
        while :; do sleep 1000; done

        """
    }

    /// Starts the program that runs beside the command.
    private var anchor: String {
        let words = (configuration.anchor ?? ["/bin/true"]).map(Self.quoted).joined(separator: " ")
        return """
            mkfifo /anchor
            # A kernel that has no randomness yet would hold up a Swift program's first hash.
            ( export SWIFT_DETERMINISTIC_HASHING=1; exec setsid chroot . \(words) ) \\
                < /dev/null > /anchor 2> /dev/null 4>&- &
            anchor=$!
            """
    }

    /// Binds every device to the requested driver, and checks the result.
    private var binding: String {
        guard let driver = configuration.binding?.rawValue else { return ":" }
        let addresses = configuration.devices.indices.map(LabDevice.address(ofDevice:))
        return """
            say stage binding devices to \(driver)
            for device in \(addresses.joined(separator: " ")); do
                place=/sys/bus/pci/devices/$device
                if [ -e $place/driver_override ]; then
                    echo \(driver) > $place/driver_override
                else
                    # Before Linux 3.16.
                    read -r vendor < $place/vendor
                    read -r model < $place/device
                    echo "$vendor $model" > /sys/bus/pci/drivers/\(driver)/new_id
                fi
                [ ! -e $place/driver ] || echo $device > $place/driver/unbind
                if [ -e $place/driver_override ]; then
                    echo $device > /sys/bus/pci/drivers_probe
                elif [ ! -e $place/driver ]; then
                    echo $device > /sys/bus/pci/drivers/\(driver)/bind
                fi
                bound=$(readlink $place/driver)
                [ "${bound##*/}" = \(driver) ] || fail "the device at $device was not taken by \(driver)"
            done
            """
    }

    /// Runs the command in its environment and directory, with the host's root.
    private var command: String {
        let environment = configuration.environment.map(Self.quoted).joined(separator: " ")
        let words = ([configuration.currentDirectory] + configuration.command).map(Self.quoted).joined(separator: " ")
        return "/bin/env -i \(environment) /bin/chroot . /bin/sh -c 'cd -- \"$1\" && shift && exec \"$@\"' sh \(words)"
    }

    /// Quotes a text as one word for the shell.
    static func quoted(_ text: String) -> String {
        var quoted = "'"
        for scalar in text.unicodeScalars {
            if scalar == "'" { quoted += "'\\''" } else { quoted.unicodeScalars.append(scalar) }
        }
        return quoted + "'"
    }

    /// Builds the archive that the kernel starts from.
    /// - Parameters:
    ///   - modules: the files of each list, ready to load, in order.
    ///   - tree: the command's root, if it is packed.
    func archive(
        busybox: [UInt8], modules: [ModuleList: [(name: String, contents: [UInt8])]], tree: PackedTree?
    ) throws(SystemCallError) -> [UInt8] {
        var archive = CPIOArchive()
        for directory in ["bin", "dev", "lower", "modules", "proc", "root", "sys", "upper"] {
            archive.addDirectory(directory)
        }
        archive.addCharacterDevice("dev/console", major: 5, minor: 1)
        archive.addFile("bin/busybox", contents: busybox, permissions: 0o755)
        for applet in Self.applets + InterfaceScript.applets { archive.addSymbolicLink("bin/\(applet)", to: "busybox") }
        archive.addFile("init", contents: Array(script.utf8), permissions: 0o755)
        for list in ModuleList.allCases {
            let files = modules[list] ?? []
            for file in files { archive.addFile("modules/\(file.name)", contents: file.contents) }
            archive.addFile("modules/\(list)", contents: Array(files.map { $0.name + "\n" }.joined().utf8))
        }
        try tree?.write(to: &archive, below: "root")
        return archive.bytes
    }
}
