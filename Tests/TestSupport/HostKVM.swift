import Glibc

/// Whether this host can run what needs KVM. A test that needs it is skipped only where the device file itself is not
/// there.
public enum HostKVM {
    public static let isPresent = access("/dev/kvm", F_OK) == 0
    /// The reason given for a skip, in the words that tools/test looks for.
    public static let absence = "the host lacks /dev/kvm"
}
