/// The first program of the lab's host: a script for busybox, and the files it reads.
///
/// It tells how far it is on the second serial port, one line each: `stage TEXT`, `started`, `exit STATUS`, `failed TEXT`.
struct LabInit: Sendable {
    let configuration: LabConfiguration
    /// Ends the command's two streams; see `EndMark`.
    let mark: EndMark

    /// Lists of modules that the script loads: `root` and `virtualization` side by side, and before them what both need; the last once the
    /// devices are bound.
    enum ModuleList: CaseIterable {
        case shared, root, virtualization, requested
    }

    /// The commands that the script calls by these names; the shell has the rest built in.
    static let applets = [
        "cat", "chroot", "env", "hostname", "ifconfig", "insmod", "ln", "mkdir", "mkfifo", "mount", "poweroff", "readlink", "setsid", "sh",
        "sleep", "sync",
    ]

    /// The script. It holds nothing of the command's own text but quoted words.
    var script: String {
        """
        #!/bin/sh
        export PATH=/bin
        mount -t devtmpfs dev /dev
        mount -t proc proc /proc
        mount -t sysfs sys /sys
        exec 4> /dev/ttyS1
        say() { echo "$*" >&4; }
        fail() { say "failed $*"; while :; do sleep 1000; done; }
        load() { while read -r module; do insmod "/modules/$module"; done < "/modules/$1"; }

        say stage loading modules
        load \(ModuleList.shared)
        load \(ModuleList.virtualization) &
        virtualization=$!
        load \(ModuleList.root)

        say stage mounting the root file system
        p9=trans=virtio,version=9p2000.L,msize=512000
        mount -t 9p -o $p9,cache=loose,ro root /lower || fail "its kernel could not mount the root file system by 9p: it needs 9p and virtio_pci"
        mount -t tmpfs -o mode=755 upper /upper
        mkdir /upper/data /upper/work
        mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work overlay /root ||
            fail "its kernel could not lay a writable layer over the root file system: it needs overlay"
        cd /root
        mount -t proc proc proc
        mount -t sysfs sys sys
        mount -t devtmpfs dev dev
        mkdir -p dev/pts dev/shm
        mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts dev/pts
        mount -t tmpfs -o mode=1777 shm dev/shm
        for link in fd:/proc/self/fd stdin:/proc/self/fd/0 stdout:/proc/self/fd/1 stderr:/proc/self/fd/2; do
            ln -s "${link#*:}" "dev/${link%%:*}"
        done
        mount -t tmpfs -o mode=1777 tmp tmp
        mkdir -p \(Self.quoted("." + configuration.currentDirectory))
        # With this cache a write is on the host when it returns, and programs are mapped and run at full speed.
        mount -t 9p -o $p9,cache=mmap work \(Self.quoted("." + configuration.currentDirectory)) ||
            fail "the current directory could not be mounted"
        # The root of the mount namespace, as after switch_root: the command may unshare and pivot as on any host.
        mount --move . /
        hostname lab
        ifconfig lo up

        wait $virtualization
        \(anchor)
        \(binding)
        load \(ModuleList.requested)

        tries=0
        # vportNpM: N counts virtio devices of every kind.
        until set -- /dev/vport*p[123] && [ -c "$3" ]; do
            tries=$((tries + 1))
            [ $tries -lt 500 ] || fail "its kernel has no virtio_console"
            sleep 0.02
        done
        exec 5> "$2" 6> "$3"
        mkfifo /in /out /err
        cat < "$1" > /in 4>&- 5>&- 6>&- &
        input=$!
        cat < /out >&5 4>&- 6>&- &
        output=$!
        cat < /err >&6 4>&- 5>&- &
        error=$!
        # A line, or nothing where it could not start: a host without KVM has no need of it.
        read -r ready < /anchor
        say started
        # Not in the background, where it would start with SIGINT and SIGQUIT ignored; and in parentheses, lest the shell's own word on how
        # it ended goes to its standard error.
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
        wait $output
        printf %s \(Self.quoted(mark.text)) >&5
        wait $error
        printf %s \(Self.quoted(mark.text)) >&6
        sync
        say "exit $status"
        while :; do sleep 1000; done

        """
    }

    /// Starts what runs beside the command.
    private var anchor: String {
        let words = (configuration.anchor ?? ["/bin/true"]).map(Self.quoted).joined(separator: " ")
        return """
            mkfifo /anchor
            ( exec setsid chroot . \(words) ) < /dev/null > /anchor 2> /dev/null 4>&- &
            anchor=$!
            """
    }

    /// Gives every device to the driver asked for, and looks whether it has it.
    private var binding: String {
        guard let driver = configuration.binding?.rawValue else { return ":" }
        let addresses = configuration.devices.indices.map(LabDevice.address(ofDevice:))
        return """
            say stage binding devices to \(driver)
            for device in \(addresses.joined(separator: " ")); do
                place=/sys/bus/pci/devices/$device
                echo \(driver) > $place/driver_override
                [ ! -e $place/driver ] || echo $device > $place/driver/unbind
                echo $device > /sys/bus/pci/drivers_probe
                bound=$(readlink $place/driver)
                [ "${bound##*/}" = \(driver) ] || fail "the device at $device was not taken by \(driver)"
            done
            """
    }

    /// The command in its environment and directory, its root the host's.
    private var command: String {
        let environment = configuration.environment.map(Self.quoted).joined(separator: " ")
        let words = ([configuration.currentDirectory] + configuration.command).map(Self.quoted).joined(separator: " ")
        return "/bin/env -i \(environment) /bin/chroot . /bin/sh -c 'cd -- \"$1\" && shift && exec \"$@\"' sh \(words)"
    }

    /// A word that the shell reads as exactly this text.
    static func quoted(_ text: String) -> String {
        var quoted = "'"
        for scalar in text.unicodeScalars {
            if scalar == "'" { quoted += "'\\''" } else { quoted.unicodeScalars.append(scalar) }
        }
        return quoted + "'"
    }

    /// The archive the kernel starts from.
    /// - Parameter modules: the files of each list, ready to load, in order.
    func archive(busybox: [UInt8], modules: [ModuleList: [(name: String, contents: [UInt8])]]) -> [UInt8] {
        var archive = CPIOArchive()
        for directory in ["bin", "dev", "lower", "modules", "proc", "root", "sys", "upper"] { archive.addDirectory(directory) }
        archive.addCharacterDevice("dev/console", major: 5, minor: 1)
        archive.addFile("bin/busybox", contents: busybox, permissions: 0o755)
        for applet in Self.applets { archive.addSymbolicLink("bin/\(applet)", to: "busybox") }
        archive.addFile("init", contents: Array(script.utf8), permissions: 0o755)
        for list in ModuleList.allCases {
            let files = modules[list] ?? []
            for file in files { archive.addFile("modules/\(file.name)", contents: file.contents) }
            archive.addFile("modules/\(list)", contents: Array(files.map { $0.name + "\n" }.joined().utf8))
        }
        return archive.bytes
    }
}
