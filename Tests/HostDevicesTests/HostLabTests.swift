import Glibc
import LinuxSystem
import TestSupport
import Testing

private let binary = getenv("SWIFTLET_BINARY").map { String(cString: $0) }

/// `swiftlet devices` against a real kernel with a real IOMMU, in the nested lab: an e1000e at 04.0, a PCI Express root
/// port at 05.0, and the chipset's 1f.0, 1f.2 and 1f.3, which share one group.
@Suite(.enabled(if: binary != nil, "SWIFTLET_BINARY is not set; make test sets it"))
struct HostLabTests {
    /// Each step prints what it does, what came of it and its status; a person reads the whole, the test looks for the
    /// lines that matter.
    private static let script = #"""
        devices() { echo "# devices $*"; "$SWIFTLET" devices "$@" 2>&1; echo "= $?"; }
        driver() { echo "driver of $1: $(basename "$(readlink /sys/bus/pci/devices/0000:00:$1/driver)")," \
            "override $(cat /sys/bus/pci/devices/0000:00:$1/driver_override)"; }
        # VFIO_GROUP_GET_STATUS, asked with what every Debian has.
        viable() { perl -e '
            sysopen(my $group, "/dev/vfio/$ARGV[0]", 2) or die "$!";
            my $status = pack("LL", 8, 0);
            ioctl($group, 0x3b67, $status) or die "$!";
            print "the kernel calls the group ", (unpack("LL", $status))[1] & 1 ? "viable" : "not viable", "\n";
            ' "$(basename "$(readlink /sys/bus/pci/devices/0000:00:$1/iommu_group)")"; }

        echo "## one NIC"
        devices list
        devices doctor 00:04.0
        devices bind 00:04.0
        driver 04.0
        devices doctor 00:04.0
        devices bind 00:04.0
        devices release 00:04.0
        driver 04.0
        echo "## in use"
        busybox ip link set eth0 up
        devices bind 00:04.0
        driver 04.0
        busybox ip link set eth0 down
        echo "## what is not there or stays"
        devices doctor 00:04.5
        devices doctor 00:05.0
        devices bind 00:04.0 00:05.0
        driver 04.0
        echo "## a group of three"
        devices bind 00:1f.3
        devices doctor 00:1f.3
        viable 1f.3
        devices bind 00:1f.2 00:1f.0
        devices bind --force 00:1f.2 00:1f.0
        devices doctor 00:1f.3
        viable 1f.3
        devices release 00:1f.0 00:1f.2 00:1f.3
        driver 1f.0; driver 1f.2; driver 1f.3
        echo "## all or none"
        echo read-only > /tmp/override
        mount --bind /tmp/override /sys/bus/pci/devices/0000:00:1f.2/driver_override
        mount -o remount,bind,ro /sys/bus/pci/devices/0000:00:1f.2/driver_override
        devices bind 00:04.0 00:1f.2
        umount /sys/bus/pci/devices/0000:00:1f.2/driver_override
        driver 04.0; driver 1f.2
        echo "## left over: $(ls /run/swiftlet/bindings)"
        echo "## end"
        """#

    @Test(.timeLimit(.minutes(5)))
    func doctorBindAndRelease() throws {
        let output = try lab(Self.script)
        let sections = Self.sections(output)

        let nic = try #require(sections["one NIC"])
        #expect(
            nic.contains(
                """
                FAIL  driver: 0000:00:04.0 is bound to the host driver e1000e\n      do: swiftlet devices bind \
                0000:00:04.0\n
                """
            ))
        #expect(nic.contains("0000:00:04.0: bound to vfio-pci\n= 0\ndriver of 04.0: vfio-pci, override vfio-pci\n"))
        #expect(nic.contains("0000:00:04.0 is ready.\n= 0\n"))
        #expect(nic.contains("0000:00:04.0: already with vfio-pci\n= 0\n"))
        #expect(nic.contains("0000:00:04.0: with e1000e again\n= 0\ndriver of 04.0: e1000e, override (null)\n"))

        let use = try #require(sections["in use"])
        #expect(
            use.contains(
                "its network interface eth0 is up; ip link set eth0 down, or use --force\n= 69\ndriver of 04.0: e1000e,"
            ))

        let absent = try #require(sections["what is not there or stays"])
        #expect(
            absent.contains(
                "there is no PCI function 0000:00:04.5 on this host\n      do: did you mean 0000:00:04.0 (Intel"))
        #expect(absent.contains("FAIL  kind: 0000:00:05.0 is a bridge"))
        #expect(
            absent.contains("0000:00:05.0 is a bridge, and bridges stay with the host\n= 64\ndriver of 04.0: e1000e,"))

        let group = try #require(sections["a group of three"])
        #expect(
            group.contains(
                "with 0000:00:1f.0, which is bound to the host driver lpc_ich, and 0000:00:1f.2, which is bound to"))
        #expect(group.contains("do: choose a device of another group: 0000:00:1f.0 must stay with the host\n"))
        #expect(
            group.contains(
                """
                swiftlet: 0000:00:1f.0 is a bridge, and bridges stay with the host; --force takes it all the \
                same\n= 64\n
                """
            ))
        #expect(group.contains("0000:00:1f.3 is not ready.\n= 69\nthe kernel calls the group not viable\n"))
        #expect(group.contains("0000:00:1f.3 is ready.\n= 0\nthe kernel calls the group viable\n"))
        #expect(
            group.contains(
                """
                driver of 1f.0: lpc_ich, override (null)
                driver of 1f.2: ahci, override (null)
                driver of 1f.3: i801_smbus, override (null)

                """))

        let transaction = try #require(sections["all or none"])
        #expect(transaction.contains("driver_override: Read-only file system)"))
        #expect(
            transaction.contains(
                "= 77\ndriver of 04.0: e1000e, override (null)\ndriver of 1f.2: ahci, override (null)\n"))
        #expect(output.contains("\n## left over: \n## end\n"))
    }

    /// Runs a script in the lab.
    /// - Returns: everything it printed; standard error is the lab's and shown as it comes.
    private func lab(_ script: String) throws -> String {
        let binary = try #require(binary)
        // Children of tests that run at the same time must not keep the pipe open.
        var pipe = try Pipe()
        let modules = ["vfio-pci", "e1000e", "ahci", "i2c_i801", "lpc_ich"].flatMap { ["--module", $0] }
        let lab = try ChildProcess(
            binary,
            arguments: [
                "lab", "--nic", "e1000e", "--pci", "pcie-root-port", "--timeout", "240s", "--env", "SWIFTLET=\(binary)",
            ] + modules
                + ["--", "/bin/bash", "-c", script],
            environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], descriptors: [STDIN_FILENO, pipe.input, STDERR_FILENO])
        pipe.closeWriting()
        var bytes: [UInt8] = []
        while let chunk = pipe.readChunk(), !chunk.isEmpty { bytes += chunk }
        let output = String(decoding: bytes, as: UTF8.self)
        #expect(try lab.wait() == .exited(0), "the lab printed:\n\(output)")
        return output
    }

    /// The text below each line that begins with `## `.
    private static func sections(_ output: String) -> [String: String] {
        var sections: [String: String] = [:]
        var title = ""
        for line in output.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("## ") {
                title = String(line.dropFirst(3))
            } else {
                sections[title, default: ""] += line + "\n"
            }
        }
        return sections
    }
}
