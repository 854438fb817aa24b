import Glibc

/// The kernel interfaces that assign PCI functions to guests.
public enum AssignmentInterface: String, Sendable, CaseIterable {
    /// VFIO, by groups: Linux 3.6 and later.
    case group
    /// KVM itself: Linux 2.6.31 to 4.11 built with CONFIG_KVM_DEVICE_ASSIGNMENT.
    case kvm

    /// Returns the default interface: VFIO, and KVM's own only if it is offered and VFIO is missing.
    /// - Parameter isOffered: true if this host's KVM assigns functions itself.
    public static func choose(isOffered: Bool, tree: HostFilesystem = HostFilesystem()) -> AssignmentInterface {
        isOffered && !tree.exists("dev/vfio/vfio") ? .kvm : .group
    }

    /// Returns the reason why this host's KVM does not assign functions itself, and the alternative.
    /// - Parameter release: the kernel's release, as `uname -r` prints it.
    public static func absence(release: String = Self.release) -> String {
        let numbers = release.split { $0 == "." || $0 == "-" }.prefix(2).compactMap { Int($0) }
        let isNewer = numbers.count == 2 && (numbers[0], numbers[1]) >= (4, 12)
        let why =
            isNewer
            ? "KVM's own device assignment went with Linux 4.12, and this host runs \(release)"
            : """
            this host's kernel (\(release)) is built without CONFIG_KVM_DEVICE_ASSIGNMENT, or its KVM module is \
            too old to assign devices
            """
        return "\(why); use VFIO: backend=group"
    }

    public static var release: String {
        var names = utsname()
        guard uname(&names) == 0 else { return "an unknown release" }
        return withUnsafeBytes(of: names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
