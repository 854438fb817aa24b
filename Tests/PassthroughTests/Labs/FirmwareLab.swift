/// The lab in which guests run firmware: SeaBIOS, our boot ROM, and a NIC's option ROM, which is iPXE.
enum FirmwareLab {
    static let withROM = "0000:00:04.0"
    static let withoutROM = "0000:00:05.0"
    static let rom = "/usr/lib/ipxe/qemu/pxe-e1000e.rom"

    static let session = LabSession(
        "firmware", devices: ["--nic", "e1000e,romfile=\(rom)", "--nic", "e1000e", "--bind"],
        script: """
            run rom pci "test=rom require=rom" --device \(withROM),rom=on
            run rom-off pci "test=rom" --device \(withROM)
            run rom-none pci "test=rom" --device \(withoutROM),rom=on

            screen=
            seabios=/usr/share/seabios/bios-256k.bin
            firmware() {
                local name=$1
                shift
                record "$name" "$swiftlet" run --firmware "$seabios" --memory 128M --report "json:$out/$name.json" "$@"
            }
            printf '\\033' > /tmp/escape
            # record leaves its command no input.
            typing() { "$@" < /tmp/escape; }
            # Firmware drops what was typed before its question.
            mkfifo /tmp/keys /tmp/screen
            "$swiftlet" run --firmware "$seabios" --memory 128M --timeout 10s < /tmp/keys > /tmp/screen \\
                2> "$out/menu.errors" &
            process=$!
            exec 7> /tmp/keys 8< /tmp/screen
            while IFS= read -r -t 60 line <&8; do
                case $line in *"Press ESC"*) printf '\\033' >&7 ;; esac
                screen+=$line$'\\n'
            done
            printf '%s' "$screen" > "$out/menu.output"
            wait "$process"
            finished menu $?
            exec 7>&- 8<&-
            firmware debug --debug-console console --timeout 6s --cpus 2
            firmware boot-rom --timeout 30s --device \(withROM),rom=on

            record disk typing "$swiftlet" run "$guests/bios-disk.img" --memory 32M --timeout 30s
            record ipxe "$swiftlet" run /boot/ipxe.lkrn --memory 128M --timeout 60s --device \(withoutROM)
            """)
}
