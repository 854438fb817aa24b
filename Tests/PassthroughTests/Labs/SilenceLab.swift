/// The lab in which a stock kernel says nothing over the serial console.
enum SilenceLab {
    static let session = LabSession(
        "silence", devices: ["--memory", "2G"], timeout: "900s",
        script: """
            kernel=/boot/vmlinuz-$(uname -r)
            # The lab keeps the ELF kernel that it took out of the same image.
            elf=$(ls -t "${XDG_CACHE_HOME:-$HOME/.cache}"/swiftlet/vmlinux-"$(basename "$kernel")"-* | head -n 1)

            # linux NAME KERNEL APPEND OPTION...
            linux() {
                local name=$1 image=$2 append=$3
                shift 3
                record "$name" "$swiftlet" run "$image" --append "$append" --timeout "${limit:-60s}" --memory 256M \\
                    --report "json:$out/$name.json" "$@"
            }

            # Without a root the kernel panics, and waits for ever: both at once, as each lasts until its time limit.
            linux names "$kernel" "root=/dev/nope panic=0" --symbols /proc/kallsyms &
            names=$!
            linux pattern "$kernel" "root=/dev/nope panic=0 console=tty0" --symbols /boot/System.map-$(uname -r)
            wait "$names"
            linux pvh "$elf" "root=/dev/nope panic=-1 console=ttyS1" --report "junit:$out/pvh.xml"
            linux off "$kernel" "root=/dev/nope panic=-1" --post-mortem off
            limit=2s linux decompressor "$kernel" ""
            """)
}
