/// The lab in which what a guest reaches of a device's memory is more than a small window, or is taken away: an NVMe
/// controller and two frame buffers of 256 MiB.
enum ReachLab {
    static let nvme = "0000:00:04.0"
    static let displays = ["0000:00:05.0", "0000:00:06.0"]

    static let session = LabSession(
        "reach",
        devices: [
            "--pci", "nvme", "--pci", "bochs-display,vgamem=256M", "--pci", "bochs-display,vgamem=256M", "--bind",
        ],
        script: """
            cc -O1 -Wall -Wextra -Werror -o "$out/sleeper" "$(dirname "$guests")/../Tests/Faults/sleeper.c"
            start watches watches "slot=1" --device \(nvme)
            await "watches: 0x"
            record asleep "$out/sleeper" "$process" off
            await "watches: gone"
            record awake "$out/sleeper" "$process" on
            finish

            memory=2G run displays pci "test=bar-sizes,bar-overlap,frame-buffers require=all" --device \(displays[0]) \\
                --device \(displays[1])
            """)
}
