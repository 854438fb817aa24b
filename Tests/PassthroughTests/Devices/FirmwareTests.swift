import Testing

/// Guests that begin with firmware: somebody else's, our boot ROM, a device's option ROM.
@Suite struct FirmwareTests {
    @Test("a guest sizes the option ROM's register, enables it and reads the device's ROM, which it can't write")
    func optionROM() async throws {
        let record = try await FirmwareLab.session.record("rom")
        #expect(record.status == 0, record.account)
        // 147 blocks of 512 bytes in a register of 128 KiB, whose rest is an erased ROM's.
        #expect(
            record.claim("rom", of: "pci") == "ok (00:01.0, 0x12600 of 0x20000 bytes, last word 0xffff)", record.account
        )
    }

    @Test("without rom=on the guest sees no ROM; rom=on is refused for a device without one")
    func noOptionROM() async throws {
        let off = try await FirmwareLab.session.record("rom-off")
        #expect(off.claim("rom", of: "pci")?.hasPrefix("skipped: ") == true, off.account)
        let none = try await FirmwareLab.session.record("rom-none")
        #expect(none.status == 69)
        #expect(
            none.lastWord
                == """
                swiftlet: \(FirmwareLab.withoutROM): it has no expansion ROM that the host can read: leave out \
                rom=on
                """
        )
    }

    @Test("SeaBIOS shows its boot menu on the serial console and accepts keys there")
    func bootMenu() async throws {
        let record = try await FirmwareLab.session.record("menu")
        let console = record.output.joined(separator: "\n")
        #expect(console.contains("SeaBIOS (version 1."), record.account)
        #expect(console.contains("Press ESC for boot menu."))
        #expect(console.contains("Select boot device:"), record.account)
        // It waits for a choice that nobody makes.
        #expect(record.status == 124)
    }

    @Test("SeaBIOS's debug console lists fw_cfg, RAM, the processors and its ECAM")
    func debugConsole() async throws {
        let record = try await FirmwareLab.session.record("debug")
        for line in [
            "Found QEMU fw_cfg", "qemu/e820: addr 0x0000000000000000 len 0x0000000008000000 [RAM]",
            "Found 2 cpu(s) max supported 2 cpu(s)",
            "PCIe: using q35 mmconfig at 0xb0000000", "sercon: using ioport 0x3f8",
        ] {
            #expect(record.output.contains(line), record.account)
        }
    }

    @Test("SeaBIOS boots the NIC's ROM, and it takes a lease")
    func bootFromROM() async throws {
        let record = try await FirmwareLab.session.record("boot-rom")
        #expect(record.output.contains { $0.hasPrefix("Booting from ROM") }, record.account)
        #expect(record.output.contains { $0.contains("net0: 10.0.2.15/255.255.255.0") }, record.account)
        #expect(record.blockedTransfers.isEmpty)
    }

    @Test("iPXE, entered in real mode through our boot ROM, drives the NIC and takes a lease")
    func networkBootLoader() async throws {
        let record = try await FirmwareLab.session.record("ipxe")
        #expect(
            record.output.contains { $0.contains("net0: 52:54:00:12:34:57 using 82574l on 0000:00:01.0") },
            record.account)
        #expect(record.output.contains { $0.contains("net0: 10.0.2.15/255.255.255.0") }, record.account)
        // Nothing to boot from there: it gives up by INT 18h.
        #expect(record.status == 1)
        #expect(record.output.contains { $0.contains("ROM: the boot code gave up") })
    }

    @Test("a disk boots through our ROM on real KVM as well")
    func disk() async throws {
        let record = try await FirmwareLab.session.record("disk")
        #expect(record.status == 0, record.account)
        #expect(record.output.contains("bios: disk-extended-read cf=0 ax=0000 first=0000"), record.account)
        #expect(record.output.contains("bios: move cf=0 ax=003c cf=0 first=3c3c last=3c3c"))
    }
}
