/// The lab of a host that uses its devices itself: an e1000e with its driver, an edu without one, a bridge, and a
/// chipset whose functions share an IOMMU group and have drivers too.
enum HostLab {
    static let session = LabSession(
        "host",
        devices: [
            "--nic", "e1000e", "--pci", "edu", "--pci", "pcie-root-port", "--module", "e1000e", "--module", "i2c-i801",
            "--module", "ahci",
        ],
        script: #"""
            nic=0000:00:04.0 edu=0000:00:05.0 bridge=0000:00:06.0 disks=0000:00:1f.2 bus=0000:00:1f.3
            devices() { local name=$1; shift; record "$name" "$swiftlet" devices "$@"; }

            devices list list
            devices default
            devices show show $nic
            devices show-nothing show 00:0a.0
            devices show-nonsense show nonsense
            devices bind-nothing bind 00:0a.0
            devices bind-bridge bind $bridge

            run near-function hello "" --device 0000:00:04.7
            run near-nothing hello "" --device 0000:00:0a.0
            run nonsense hello "" --device nonsense
            run bridge hello "" --device $bridge
            run bound hello "" --device $nic
            run unbound hello "" --device $edu
            devices doctor-bound doctor $nic

            interface=$(ls /sys/bus/pci/devices/$nic/net)
            busybox ip link set "$interface" up
            devices bind-in-use bind $edu $nic
            record after-bind-in-use readlink /sys/bus/pci/devices/$nic/driver
            record after-bind-in-use-edu readlink /sys/bus/pci/devices/$edu/driver
            busybox ip link set "$interface" down

            devices bind bind $nic
            devices bind-again bind $nic
            devices doctor doctor $nic
            run after-bind nic irq=msix --device $nic
            devices bind-edu bind $edu

            run twice hello "" --device $nic --device $nic
            run same-slot hello "" --device $edu,slot=3 --device $nic,slot=3
            run slot-0 hello "" --device $edu,slot=0
            run after-slots hello "" --device $edu,slot=3 --device $nic,slot=4

            # Without CAP_IPC_LOCK the limit on locked memory counts, for root too.
            limited() { setpriv --bounding-set -ipc_lock --inh-caps -ipc_lock prlimit "--memlock=$1" "${@:2}"; }
            record locked-too-little limited 1048576 "$swiftlet" run "$guests/hello.elf" --device $edu
            record locked-enough limited 272629760 "$swiftlet" run "$guests/hello.elf" --device $edu
            devices doctor-memory doctor $edu --memory 8G
            memory=8G run memory-8G hello "" --device $edu
            memory=3G run memory-3G hello "" --device $edu

            devices bind-disks bind $disks
            run shared hello "" --device $disks
            devices doctor-shared doctor $disks
            devices bind-bus bind $bus
            run shared-after hello "" --device $disks

            # A folder that everybody may enter, wherever this package is.
            cp "$swiftlet" "$guests/hello.elf" /tmp
            nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
            record nobody-kvm nobody /tmp/swiftlet run /tmp/hello.elf
            chmod 666 /dev/kvm
            record nobody-vfio nobody /tmp/swiftlet run /tmp/hello.elf --device $edu
            record nobody-bind nobody /tmp/swiftlet devices bind $edu
            group=/dev/vfio/$(basename "$(readlink /sys/bus/pci/devices/$edu/iommu_group)")
            chown 65534 "$group"
            unlimited() { prlimit --memlock=unlimited "$@"; }
            record nobody-owner unlimited setpriv --reuid 65534 --regid 65534 --clear-groups \
                /tmp/swiftlet run /tmp/hello.elf --device $edu
            chown 0 "$group"

            devices release release $nic $edu $disks $bus
            devices list-after list
            """#)
}
