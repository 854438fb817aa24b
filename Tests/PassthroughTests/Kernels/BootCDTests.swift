import Testing

/// CDs that other makers' programs made boot through our ROM, on real KVM.
@Suite(.enabled(if: BootCDsLab.isThere, BootCDsLab.absence))
struct BootCDTests {
    private func record(_ name: String) async throws -> LabRecord { try await BootCDsLab.session.record(name) }

    @Test(
        """
        a CD of grub-mkrescue reads its configuration and boots a multiboot kernel, as a CD and as the disk that \
        it is too
        """,
        arguments: [("grub", "hd96"), ("grub-disk", "hd0")])
    // Drive 0xe0 is 96 behind the first disk's number.
    func grub(_ name: String, _ root: String) async throws {
        let guest = try await record(name)
        #expect(guest.output.contains { $0.hasSuffix("grub: root is (\(root))") }, guest.account)
        #expect(guest.output.contains("hello: cpu 0, 65151 KiB, cmdline \"from GRUB\""), guest.account)
        #expect(guest.status == 0)
    }

    @Test("an ISOLINUX CD boots its default without a prompt: a multiboot kernel")
    func isolinux() async throws {
        let guest = try await record("isolinux")
        #expect(guest.output.contains { $0.hasPrefix("ISOLINUX 6.") && $0.contains(" ETCD ") }, guest.account)
        #expect(guest.output.contains("isolinux: configuration read"))
        #expect(!guest.output.contains { $0.contains("boot:") })
        #expect(
            guest.output.last?.hasSuffix("hello: cpu 0, 65151 KiB, cmdline \"hello32.elf from ISOLINUX\"") == true,
            guest.account)
        #expect(guest.status == 0)
    }

    @Test("a floppy image on a CD made by xorriso is drive 0")
    func floppy() async throws {
        let guest = try await record("floppy")
        #expect(guest.output.contains("bios: boot dl=0000 cs=0000 ip=7c00"), guest.account)
        #expect(guest.output.contains("bios: disk-geometry cf=0 bx=0004 cx=4f12 dx=0101"))
        #expect(guest.output.contains("bios: disk-read cf=0 ax=0001 first=4343 last=4343"))
        #expect(guest.status == 0)
    }

    @Test("Memtest86+ as Debian ships it on a CD finds the machine's memory and no error")
    func memtest() async throws {
        let guest = try await record("memtest")
        #expect(guest.output.contains { $0.contains("Loading Memtest86+") }, guest.account)
        // It goes on for ever: the time limit ended it, and its screen is in the post-mortem.
        #expect(guest.status == 124)
        #expect(guest.errors.contains { $0.contains("Memory  :   64MB") }, guest.account)
        #expect(guest.errors.contains { $0.contains("Status: Testing") }, guest.account)
        #expect(guest.errors.contains { $0.hasSuffix("Errors: 0") }, guest.account)
    }
}
