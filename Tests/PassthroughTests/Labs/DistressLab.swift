/// The lab in which stock kernels come to grief, and a guest waits for a device that it has silenced.
enum DistressLab {
    static let nvme = "0000:00:04.0"

    private static let functions = """
        kernel=/boot/vmlinuz-$(uname -r)
        tools=$(dirname "$guests")/../tools
        for module in faulty stuck; do "$tools/linux-module" $module "$out/$module.ko" "$(uname -r)"; done
        "$tools/linux-initrd" "$out/initrd" "$(uname -r)" "$out/faulty.ko" "$out/stuck.ko"

        # linux NAME APPEND OPTION...
        linux() {
            local name=$1 append=$2
            shift 2
            record "$name" "$swiftlet" run "$kernel" --append "console=ttyS0 $append" --timeout 120s --memory 256M \\
                --symbols /proc/kallsyms --report "json:$out/$name.json" "$@"
        }
        """

    static let session = LabSession(
        "distress", devices: ["--pci", "nvme", "--bind", "--memory", "3G"], timeout: "900s",
        script: functions + """

            # The lab host runs the same kernel, where it was linked to lie: it was entered without its decompressor.
            record symbols grep -wE 'panic|_text' /proc/kallsyms

            linux no-root "root=/dev/nope panic=-1" &
            other=$!
            linux panic "linux.modules= linux.end=panic" --initrd "$out/initrd"
            wait $other
            linux oops "linux.modules=faulty linux.end=stay" --initrd "$out/initrd"
            limit=3s run masked nvme "wait=masked" --post-mortem full --device \(nvme)
            """)

    /// What takes longer: `make test-labs`.
    static let proofs = LabSession(
        "distress-proofs", devices: ["--memory", "3G"], timeout: "600s",
        script: functions + """

            linux lockup "linux.modules=stuck sysctl.kernel.watchdog_thresh=1" --initrd "$out/initrd"
            """)
}
