import Bytes
import CLinux
import KVM

extension VirtualCPU {
    /// Returns the vCPU's registers as text for people, a few per line. Says so if KVM doesn't provide them.
    func registerLines() -> [String] {
        do { return Self.lines(try registers(), try specialRegisters()) } catch { return ["no registers: \(error)"] }
    }

    static func lines(_ general: kvm_regs, _ special: kvm_sregs) -> [String] {
        func hex(_ value: UInt64) -> String { value.hexadecimalDigits(16) }
        return [
            "rip \(hex(general.rip)) rsp \(hex(general.rsp)) rbp \(hex(general.rbp)) flags \(hex(general.rflags))",
            "rax \(hex(general.rax)) rbx \(hex(general.rbx)) rcx \(hex(general.rcx)) rdx   \(hex(general.rdx))",
            "rsi \(hex(general.rsi)) rdi \(hex(general.rdi)) r8  \(hex(general.r8)) r9    \(hex(general.r9))",
            "r10 \(hex(general.r10)) r11 \(hex(general.r11)) r12 \(hex(general.r12)) r13   \(hex(general.r13))",
            """
            r14 \(hex(general.r14)) r15 \(hex(general.r15)) cs  \(hex(UInt64(special.cs.selector))) ss    \
            \(hex(UInt64(special.ss.selector)))
            """,
            "cr0 \(hex(special.cr0)) cr2 \(hex(special.cr2)) cr3 \(hex(special.cr3)) cr4   \(hex(special.cr4))",
            """
            efer \(hex(special.efer)) gdt \(hex(special.gdt.base)) idt \(hex(special.idt.base)) tr \
            \(hex(special.tr.base))
            """,
        ]
    }
}
