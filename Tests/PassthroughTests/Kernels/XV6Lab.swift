import Foundation
import Testing

/// The lab in which xv6 boots. Its kernel comes from whoever runs the tests (`make test-xv6 KERNEL=...`,
/// docs/boot-formats.md): no distribution has one.
enum XV6Lab {
    static let kernel = ProcessInfo.processInfo.environment["SWIFTLET_XV6_KERNEL"].flatMap { $0.isEmpty ? nil : $0 }
    static let absence: Comment = "the host lacks xv6's kernelmemfs (make test-xv6 KERNEL=...)"

    static let session = LabSession(
        "xv6", devices: [], timeout: "400s",
        script: """
            for cpus in 1 2; do
                record "cpus-$cpus" "$swiftlet" run '\(kernel ?? "")' --memory 256M --cpus $cpus --timeout 120s \\
                    --send 'init: starting sh=echo one two three | wc\\n' --expect '1 3 14' \\
                    --report "json:$out/cpus-$cpus.json"
            done
            """)
}
