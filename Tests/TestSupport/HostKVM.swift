import Glibc

/// Whether this host can run what needs KVM. A test that needs it is skipped only where the device file itself is not
/// there.
public enum HostKVM {
    public static let isPresent = access("/dev/kvm", F_OK) == 0
    /// The reason given for a skip, in the words that tools/test looks for.
    public static let absence = "the host lacks /dev/kvm"
    /// Whether the processor runs guests by itself (AMD-V, VT-x): some hosts' KVM emulates guests' kernels, with gaps.
    public static let hasHardwareVirtualization: Bool = {
        guard let file = fopen("/proc/cpuinfo", "r") else { return false }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 1 << 14)
        while fgets(&line, Int32(line.count), file) != nil {
            let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).split {
                $0 == " " || $0 == "\t" || $0 == "\n"
            }
            if words.first == "flags" { return words.contains("svm") || words.contains("vmx") }
        }
        return false
    }()
}
