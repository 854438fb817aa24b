/// The parts of the lab host's first script that depend on its access to files and streams.
///
/// In these parts `.` is the command's root and descriptor 4 the control port.
struct InterfaceScript: Sendable {
    let interface: HostInterface
    /// Absolute.
    let currentDirectory: String

    private var directory: String { LabInit.quoted("." + currentDirectory) }

    /// Creates /root, the command's root, and enters it.
    var root: String {
        switch interface.files {
        case .shared:
            """
            say stage mounting the root file system
            p9=trans=virtio,version=9p2000.L,msize=512000
            mount -t 9p -o $p9,cache=loose,ro root /lower \\
                || fail "its kernel could not mount the root file system by 9p: it needs 9p and virtio_pci"
            mount -t tmpfs -o mode=755 upper /upper
            mkdir /upper/data /upper/work
            # Without a writable layer most commands do as well.
            mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work overlay /root 2> /dev/null ||
                mount --bind /lower /root || fail "its kernel could not lay the root file system out"
            cd /root
            """
        case .packed:
            """
            say stage laying out the files
            mount --bind /root /root
            cd /root
            mkdir -p proc sys dev
            chmod 1777 tmp
            """
        }
    }

    /// Creates the current directory, after everything else in the command's root.
    var work: String {
        switch interface.files {
        case .shared:
            """
            mount -t tmpfs -o mode=1777 tmp tmp
            mkdir -p \(directory)
            # With this cache a write is on the host when it returns, and programs are mapped and run at full speed.
            # Before Linux 5 programs run from it crash; there a write is on the host at the command's end.
            cache=mmap
            case $(cat /proc/sys/kernel/osrelease) in [234].*) cache=loose ;; esac
            mount -t 9p -o $p9,cache=$cache work \(directory) || fail "the current directory could not be mounted"
            """
        case .packed: ":"
        }
    }

    /// Opens descriptors 5 and 6 for the command's output and error, and lets process `input` fill `/in`.
    var streams: String {
        switch interface.streams {
        case .virtio:
            """
            tries=0
            # vportNpM: N counts virtio devices of every kind.
            until set -- /dev/vport*p[123] && [ -c "$3" ]; do
                tries=$((tries + 1))
                [ $tries -lt 500 ] || fail "its kernel has no virtio_console"
                sleep 0.02
            done
            exec 5> "$2" 6> "$3"
            cat < "$1" > /in 4>&- 5>&- 6>&- &
            input=$!
            """
        case .serial:
            """
            for port in 2 3; do
                stty -F /dev/ttyS$port 115200 raw -echo \\
                    || fail "its kernel does not drive serial port $port: it needs four (SERIAL_8250)"
            done
            # Lines are taken as a whole, and nothing may come back as an echo.
            stty -F /dev/ttyS1 115200 -echo
            exec 5> /dev/ttyS2 6> /dev/ttyS3
            (
                while say more && line=$(dd bs=4096 count=1 2> /dev/null) && [ "$line" != . ]; do
                    echo "$line" | base64 -d || break
                done
            ) < /dev/ttyS1 > /in 5>&- 6>&- 2> /dev/null &
            input=$!
            """
        }
    }

    /// Records the existing files before the command.
    var before: String {
        switch interface.files {
        case .shared: ":"
        case .packed:
            """
            # Inode, time of change, size and name, one line each, so a name may have no line's end.
            list() {
                ( cd \(directory) && find . -type f ! -path '*\n*' -exec stat -c '%i %Z %s %n' {} + ) 2> /dev/null
            }
            list > /before
            # A change must not fall into the second of the unpacking.
            newest=$(cut -d' ' -f2 /before | sort -n | tail -n 1)
            while [ "${newest:-0}" -ge "$(date +%s)" ]; do sleep 0.1; done
            """
        }
    }

    /// Sends back the files that the command created or changed.
    var after: String {
        switch interface.files {
        case .shared: "sync"
        case .packed:
            """
            kill -9 $input 2> /dev/null
            say stage returning the files
            list > /after
            sort /before /before /after | uniq -u | cut -d' ' -f4- > /changed
            if [ -s /changed ]; then
                say files
                ( cd \(directory) && cpio -o -H newc < /changed 2> /dev/null ) | gzip -1 | base64 >&4
                say end
            fi
            """
        }
    }

    /// Commands that the parts call, besides those of every lab.
    static let applets = [
        "base64", "chmod", "cpio", "cut", "date", "dd", "find", "gzip", "sort", "stat", "stty", "tail", "uniq",
    ]
}
