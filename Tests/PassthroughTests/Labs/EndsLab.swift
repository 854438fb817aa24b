/// The lab in which runs end in every way while they hold a device: an e1000e, an e1000 and an NVMe controller, all
/// held by vfio-pci.
enum EndsLab {
    static let e1000e = "0000:00:04.0"
    static let e1000 = "0000:00:05.0"
    static let nvme = "0000:00:06.0"

    static let session = LabSession(
        "ends", devices: ["--nic", "e1000e", "--nic", "e1000", "--pci", "nvme", "--bind"],
        script: #"""
            nvme=0000:00:06.0
            # The lines of the lab host's interrupts that belong to a function.
            interrupts() { grep -F "($1)" /proc/interrupts; }

            for signal in TERM INT HUP KILL; do
                start "signal-$signal" nvme "hold=60" --device $nvme
                await holding
                record "during-$signal" command_register $nvme
                kill "-$signal" $process
                finish
                record "after-$signal" command_register $nvme
                run "next-$signal" nvme "" --device $nvme
            done

            # Not by MSI-X: QEMU 7.2's e1000e aborts QEMU where that is switched off within 128 us after an interrupt.
            for nic in "e1000e msi 0000:00:04.0" "e1000 intx 0000:00:05.0"; do
                set -- $nic
                for signal in TERM KILL; do
                    start "ring-$1-$signal" nic "irq=$2 echoes=100000" --device $3
                    await "echo seq=3 "
                    kill "-$signal" $process
                    finish
                    run "ring-$1-$signal-next" nic "irq=$2" --device $3
                done
            done

            for delivery in signal irqfd; do
                for unmasked in 1 3; do
                    name="vectors-$unmasked-$delivery"
                    start "$name" nvme "hold=60 unmask=$unmasked" --device $nvme,msi=$delivery
                    await holding
                    record "$name-during" interrupts $nvme
                    echo >&7
                    finish
                    record "$name-after" interrupts $nvme
                done
            done

            start first nvme "hold=60" --device $nvme
            await holding
            run second nvme "" --device $nvme
            echo >&7
            finish
            run third nvme "" --device $nvme

            run fetch ends end=fetch --device $nvme
            record after-fetch command_register $nvme
            run after-fetch-next nvme "" --device $nvme
            for end in triplefault handler panic reset reset-kbd poweroff exception; do
                run "end-$end" ends "end=$end" --post-mortem full
            done
            run end-value ends "end=exit value=42"
            for end in hang spin; do limit=1s run "end-$end" ends "end=$end"; done
            run smp smp cpus=4 --cpus 4

            run reboot ends "end=reset-acpi until=$(($(date +%s) + 3))" --on-reset reboot --device $nvme
            record after-reboot command_register $nvme
            run after-reboot-next nvme "" --device $nvme
            run chipset chipset "now=$(date +%s)"

            run traced-msix nvme "" --device $nvme --trace /tmp/msix.json
            record traced-msix-events cat /tmp/msix.json
            run traced-intx nic "irq=intx" --device 0000:00:05.0 --trace /tmp/intx.json
            record traced-intx-events cat /tmp/intx.json

            run huge-none hello "" --hugepages
            echo 64 > /proc/sys/vm/nr_hugepages
            run huge hello "" --hugepages
            run huge-device nvme "" --hugepages --device $nvme
            memory=1G run huge-few hello "" --hugepages
            echo 0 > /proc/sys/vm/nr_hugepages
            """#)
}
