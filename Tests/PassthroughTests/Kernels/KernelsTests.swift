import Testing

/// Kernels as their makers ship them, and what a kernel of another maker's relies on.
@Suite struct KernelsTests {
    private func record(_ name: String) async throws -> LabRecord { try await KernelsLab.session.record(name) }

    @Test(
        "a multiboot kernel that loads its own GDT and keeps the loader's CS takes the timer's interrupts, as xv6 does")
    func keptCodeSegment() async throws {
        let guest = try await record("keeps")
        #expect(guest.status == 0, guest.account)
        #expect(guest.output == ["keeps: cs=0x08 ds=0x10 ticks=3", "keeps: PASS"], guest.account)
    }

    @Test(
        "Xen boots with its first domain's kernel, arguments and initrd as modules, and the domain powers off",
        .enabled(if: KernelsLab.xen != nil, "the host lacks Xen (tools/kernels fetches it)"))
    func xen() async throws {
        let guest = try await record("xen")
        #expect(guest.status == 0, guest.account)
        #expect(guest.output.contains { $0.hasPrefix("(XEN) Bootloader: swiftlet") }, guest.account)
        #expect(guest.output.contains { $0.hasPrefix("(XEN) ACPI: RSDP 000E0000") })
        #expect(guest.output.contains("(XEN) ENABLING IO-APIC IRQs"))
        #expect(guest.output.contains { $0.hasPrefix("(XEN)  Dom0 kernel: 64-bit") })
        #expect(guest.output.contains { $0.hasPrefix("linux: cpus 0") }, guest.account)
        #expect(guest.output.contains { $0.hasPrefix("linux: ready") })
        #expect(guest.lastWord == "swiftlet: passed: the guest powered itself off")
    }

    @Test(
        "with Debian's kernel and Debian's initrd the first domain comes to its init, whose shell takes what is typed",
        .enabled(if: KernelsLab.xen != nil, "the host lacks Xen (tools/kernels fetches it)"),
        .enabled(if: KernelsLab.hasDebianInitrd, "the host lacks an initrd of Debian's initramfs-tools in /boot"))
    func xenDebian() async throws {
        let guest = try await record("xen-debian")
        #expect(guest.status == 0, guest.account)
        #expect(guest.output.contains("Spawning shell within the initramfs"), guest.account)
        #expect(guest.output.contains("console=hvc0 quiet break=top"), guest.account)
        #expect(guest.lastWord == "swiftlet: passed: the guest powered itself off")
    }

    @Test(
        "GNU Mach boots with its modules and their strings, and starts the one that its boot script names",
        .enabled(if: KernelsLab.mach != nil, "the host lacks GNU Mach (tools/kernels fetches it)"))
    func mach() async throws {
        let guest = try await record("mach")
        #expect(guest.output.contains { $0.hasPrefix("GNU Mach 1.") }, guest.account)
        #expect(
            guest.output.contains { $0.hasPrefix("biosmem: 000000000000100000:") && $0.hasSuffix(", available") },
            guest.account)
        let first = guest.output.first { $0.hasPrefix("module 0: ") }
        #expect(first?.hasSuffix("task.elf first $(task-create) $(task-resume)") == true, guest.account)
        #expect(guest.output.contains { $0.hasPrefix("module 1: ") && $0.hasSuffix("script second") }, guest.account)
        #expect(guest.output.contains("2 multiboot modules"))
        #expect(
            guest.output.contains { $0.hasPrefix("task loaded: ") && $0.hasSuffix("task.elf first") }, guest.account)
        // The task's first instruction, in which it stays.
        #expect(
            guest.status == 124,
            guest.account)
        #expect(
            guest.errors.contains { $0.contains("vCPU 0 is spinning at rip 0x1001000") },
            guest.account)
    }

    @Test("Linux resets by the BIOS's reset vector, even if it would try EFI first", arguments: ["bios", "efi"])
    func resetVector(_ name: String) async throws {
        let guest = try await record(name)
        #expect(guest.output.contains { $0.hasPrefix("linux: ready") }, guest.account)
        #expect(guest.status == 103, guest.account)
        #expect(guest.lastWord.contains("jump to the reset vector"), guest.account)
        #expect(guest.report?.outcome == "reset")
    }

    @Test("with --on-reset reboot a reset by the BIOS's reset vector starts the kernel again")
    func again() async throws {
        let guest = try await record("again")
        #expect(guest.status == 0, guest.account)
        let boots = guest.output.filter { $0.hasPrefix("linux: ready") }.count
        #expect(boots >= 2, guest.account)
        #expect(guest.report?.reboots == boots - 1, guest.account)
    }
}
