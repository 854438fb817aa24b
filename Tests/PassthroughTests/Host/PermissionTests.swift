import Testing

/// A user who is not root: which file is closed to him and what opens it, and that nothing more is needed then.
@Suite struct PermissionTests {
    @Test("without access to /dev/kvm")
    func kvm() async throws {
        let record = try await HostLab.session.record("nobody-kvm")
        #expect(record.status == 77, record.account)
        #expect(record.lastWord.hasPrefix("swiftlet: /dev/kvm may not be opened by this user: "), record.account)
    }

    @Test("without access to the device's group")
    func group() async throws {
        let record = try await HostLab.session.record("nobody-vfio")
        #expect(record.status == 77, record.account)
        let pattern =
            /swiftlet: this user may not open (\/dev\/vfio\/[0-9]+) \(owner root:root, mode 0600\); sudo chown "\$USER" (\/dev\/vfio\/[0-9]+), .*/
        let match = try #require(record.lastWord.wholeMatch(of: pattern), record.account)
        #expect(match.1 == match.2)
    }

    @Test("with access to the group the device is passed through")
    func owner() async throws {
        let record = try await HostLab.session.record("nobody-owner")
        #expect(record.status == 0, record.account)
    }

    @Test("changing drivers requires root")
    func binding() async throws {
        let record = try await HostLab.session.record("nobody-bind")
        // It is with vfio-pci already, so that nothing is to be changed.
        #expect(record.status == 0, record.account)
        #expect(record.output == ["0000:00:05.0: already with vfio-pci"], record.account)
    }
}
