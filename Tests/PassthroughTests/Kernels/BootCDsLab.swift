import Foundation
import Testing

/// The lab in which CDs that other makers' programs made are booted: tools/boot-cds fetches the programs and makes
/// them.
enum BootCDsLab {
    static let absence: Comment = "the host lacks the programs that make bootable CDs (tools/boot-cds fetches them)"
    private static let folder = Package.root.appending(path: ".build/cds")
    static let isThere = FileManager.default.fileExists(atPath: folder.appending(path: "programs/complete").path)

    static let session = LabSession(
        "boot-cds", devices: [], timeout: "600s",
        host: {
            let process = Process()
            process.executableURL = Package.root.appending(path: "tools/boot-cds")
            process.arguments = [folder.path]
            process.standardInput = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            guard process.terminationStatus == 0 else {
                throw LabSession.Failure(description: "tools/boot-cds ended with status \(process.terminationStatus)")
            }
            return []
        },
        script: """
            cds='\(folder.path)'
            # boots NAME FILE OPTION...
            boots() {
                local name=$1 file=$2
                shift 2
                record "$name" "$swiftlet" run "$file" --memory 64M --fail-on none --timeout "${limit:-120s}" \\
                    --report "json:$out/$name.json" "$@"
            }
            boots grub "$cds/grub.iso" --disk-type cd
            # The same image has a partition table.
            boots grub-disk "$cds/grub.iso"
            boots isolinux "$cds/isolinux.iso"
            printf '\\033' > /tmp/escape
            # record leaves its command no input.
            typing() { "$@" < /tmp/escape; }
            record floppy typing "$swiftlet" run "$cds/floppy.iso" --memory 32M --fail-on none --timeout 60s
            # It tests memory for ever, with a screen of its own.
            limit=30s boots memtest "$cds/programs/usr/lib/memtest86+/memtest86+x64.iso" --post-mortem full
            """)
}
