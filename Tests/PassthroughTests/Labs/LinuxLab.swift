/// The lab in which a stock kernel, the lab host's own, is the guest: an initramfs of guests/linux drives what was
/// passed to it.
enum LinuxLab {
    static let e1000e = "0000:00:04.0"
    static let e1000 = "0000:00:05.0"
    static let virtioNet = "0000:00:06.0"
    static let nvme = "0000:00:07.0"
    /// A SCSI controller whose driver takes MSI where it is told to. The e1000e's can be told too, but QEMU 7.2's
    /// e1000e fails the driver's own test of MSI, as much in a host as in a guest, and the driver then takes INTx.
    static let mptsas = "0000:00:08.0"

    private static let devices = [
        "--nic", "e1000e", "--nic", "e1000", "--nic", "virtio-net-pci", "--pci", "nvme", "--pci", "mptsas1068",
        "--bind", "--memory", "5G",
    ]

    private static let functions = """
        kernel=/boot/vmlinuz-$(uname -r)
        "$(dirname "$guests")/../tools/linux-initrd" "$out/initrd" "$(uname -r)"

        # linux NAME APPEND OPTION... A slow machine's emulation can stall a vCPU for as long as kernels complain about,
        # and then it goes on.
        linux() {
            local name=$1 append=$2
            shift 2
            record "$name" "$swiftlet" run "${image:-$kernel}" --initrd "$out/initrd" \\
                --append "console=ttyS0 panic=-1 $append" \\
                --fail-on none --timeout 120s --memory "${memory:-256M}" --report "json:$out/$name.json" "$@"
        }
        """

    static let session = LabSession(
        "linux", devices: devices, timeout: "900s",
        script: functions + """

            four="--device \(e1000e) --device \(e1000) --device \(virtioNet) --device \(nvme)"
            memory=512M linux four "linux.show" --cpus 2 $four
            linux intx "pci=nomsi linux.show linux.modules=e1000e" --cpus 2 --device \(e1000e)
            linux no-acpi "acpi=off linux.show linux.end=reboot linux.modules=e1000e" --cpus 2 --device \(e1000e)
            # The lab keeps the ELF kernel that it took out of the same image.
            image=$(ls -t "${XDG_CACHE_HOME:-$HOME/.cache}"/swiftlet/vmlinux-"$(basename "$kernel")"-* | head -n 1)
            linux pvh "linux.modules=e1000e" --cpus 2 --device \(e1000e)
            """)

    /// What takes longer: `make test-labs`.
    static let proofs = LabSession(
        "linux-proofs", devices: devices, timeout: "1200s",
        script: functions + """

            memory=3328M linux high "linux.show linux.modules=e1000e,mptsas mptbase.mpt_msi_enable_sas=1" \\
                --device \(e1000e) --device \(mptsas)
            linux again "linux.end=reboot linux.until=$(($(date +%s) + 90)) linux.modules=e1000e" --on-reset reboot \\
                --device \(e1000e)
            linux linux32 "linux.end=reboot" --format linux32
            linux linux16 "linux.end=reboot" --format linux16
            # Typed ahead, from before the kernel runs.
            { seq -f 'echo "linux: line "%g' 1 200; echo exit; } > "$out/lines"
            "$swiftlet" run "$kernel" --initrd "$out/initrd" \\
                --append "console=ttyS0 panic=-1 linux.modules= linux.end=shell" \\
                --fail-on none --timeout 240s < "$out/lines" > "$out/shell.output" 2> "$out/shell.errors"
            finished shell $?
            """)
}
