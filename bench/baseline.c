// The benchmark's yardstick: what swiftlet does for the guests `hello`, `exits` and `ends`, in plain C and with nothing
// between the program and /dev/kvm. One vCPU, in-kernel irqchip and PIT, an ELF64 kernel with a PVH note, COM1 to
// standard output, the exit port; whatever else the guest touches reads as all ones, as on a PC's empty bus.
//
//     baseline run KERNEL [--append STR] [--memory MIB[M]] [--no-irqchip] [--no-pit] [--rate]
//
// --rate prints exits/s between the guest's marks (1 and 2 written to port 0xf5). The program trusts its kernel file:
// it measures, it does not protect. Exit status: the value the guest wrote to port 0xf4; 125 when KVM or the file is
// not as it should be.
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { COM1 = 0x3f8, LINE_STATUS = 5, INTERRUPT_ID = 2, TRANSMITTER_EMPTY = 0x60, FIFO_NO_INTERRUPT = 0xc1 };
enum { EXIT_PORT = 0xf4, MARK_PORT = 0xf5, MARK_BEGIN = 1, MARK_END = 2 };
enum { START_INFO = 0x90000, MEMORY_MAP = 0x90100, COMMAND_LINE = 0x91000, COMMAND_LINE_LIMIT = 4096 };
enum { PHYS32_ENTRY = 18, RAM = 1, RESERVED = 2, CPUID_ENTRIES = 256 };
enum { LOW_RAM_END = 0x9fc00, HIGH_RAM_START = 0x100000 };
enum { LINT0 = 0x350, LINT1 = 0x360, EXTERNAL_INTERRUPT = 0x700, NMI = 0x400 };

// Three pages that Intel hosts need for real mode.
#define INTEL_SCRATCH_PAGES UINT64_C(0xfeffc000)

// Xen, public/arch-x86/hvm/start_info.h, version 1.
struct start_info {
    uint32_t magic, version, flags, module_count;
    uint64_t module_list, command_line, rsdp, memory_map;
    uint32_t memory_map_entries, reserved;
};
struct memory_map_entry {
    uint64_t address, size;
    uint32_t type, reserved;
};

static const char *kernel_path, *command_line = "";
static uint64_t memory_size = 128 << 20;
static bool want_irqchip = true, want_pit = true, want_rate;
static uint8_t *memory;

static void die(const char *what)
{
    fprintf(stderr, "baseline: %s: %s\n", what, errno ? strerror(errno) : "not as expected");
    exit(125);
}

static int request(int descriptor, unsigned long number, void *argument, const char *name)
{
    int result = ioctl(descriptor, number, argument);
    if (result < 0)
        die(name);
    return result;
}

static void usage(void)
{
    fprintf(stderr, "usage: baseline run KERNEL [--append STR] [--memory MIB[M]] [--no-irqchip] [--no-pit] [--rate]\n");
    exit(64);
}

static void parse(int count, char **arguments)
{
    if (count < 3 || strcmp(arguments[1], "run"))
        usage();
    kernel_path = arguments[2];
    for (int i = 3; i < count; i++) {
        if (!strcmp(arguments[i], "--append") && i + 1 < count)
            command_line = arguments[++i];
        else if (!strcmp(arguments[i], "--memory") && i + 1 < count)
            memory_size = strtoull(arguments[++i], NULL, 10) << 20;
        else if (!strcmp(arguments[i], "--no-irqchip"))
            want_irqchip = want_pit = false;
        else if (!strcmp(arguments[i], "--no-pit"))
            want_pit = false;
        else if (!strcmp(arguments[i], "--rate"))
            want_rate = true;
        else
            usage();
    }
    if (memory_size < HIGH_RAM_START << 1 || memory_size > 0xc0000000 || strlen(command_line) >= COMMAND_LINE_LIMIT)
        usage();
}

static void read_exactly(int file, void *buffer, size_t count, uint64_t offset)
{
    errno = 0;
    if (pread(file, buffer, count, (off_t)offset) != (ssize_t)count)
        die(kernel_path);
}

static uint32_t entry_of_notes(int file, const Elf64_Phdr *header)
{
    char notes[4096];
    if (header->p_filesz > sizeof notes)
        return 0;
    read_exactly(file, notes, header->p_filesz, header->p_offset);
    for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= header->p_filesz;) {
        Elf64_Nhdr note;
        memcpy(&note, notes + at, sizeof note);
        const char *owner = notes + at + sizeof note;
        size_t description = at + sizeof note + ((note.n_namesz + 3) & ~3u);
        if (note.n_type == PHYS32_ENTRY && note.n_namesz == 4 && !memcmp(owner, "Xen", 4) &&
            description + 4 <= sizeof notes) {
            uint32_t entry;
            memcpy(&entry, notes + description, sizeof entry);
            return entry;
        }
        at = description + ((note.n_descsz + 3) & ~3u);
    }
    return 0;
}

static uint32_t load_kernel(void)
{
    int file = open(kernel_path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        die(kernel_path);
    Elf64_Ehdr elf;
    read_exactly(file, &elf, sizeof elf, 0);
    if (memcmp(elf.e_ident, ELFMAG, SELFMAG) || elf.e_ident[EI_CLASS] != ELFCLASS64 ||
        elf.e_phentsize != sizeof(Elf64_Phdr))
        die(kernel_path);
    uint32_t entry = 0;
    for (unsigned i = 0; i < elf.e_phnum; i++) {
        Elf64_Phdr header;
        read_exactly(file, &header, sizeof header, elf.e_phoff + i * sizeof header);
        if (header.p_type == PT_NOTE)
            entry = entry ? entry : entry_of_notes(file, &header);
        if (header.p_type != PT_LOAD)
            continue;
        if (header.p_paddr > memory_size || header.p_memsz > memory_size - header.p_paddr ||
            header.p_filesz > header.p_memsz)
            die(kernel_path);
        read_exactly(file, memory + header.p_paddr, header.p_filesz, header.p_offset);
    }
    close(file);
    if (!entry)
        die(kernel_path);
    return entry;
}

static void write_start_info(void)
{
    struct memory_map_entry map[] = {
        {0, LOW_RAM_END, RAM, 0},
        {LOW_RAM_END, HIGH_RAM_START - LOW_RAM_END, RESERVED, 0},
        {HIGH_RAM_START, memory_size - HIGH_RAM_START, RAM, 0},
    };
    struct start_info info = {
        .magic = 0x336ec578, .version = 1, .command_line = COMMAND_LINE,
        .memory_map = MEMORY_MAP, .memory_map_entries = sizeof map / sizeof map[0],
    };
    memcpy(memory + START_INFO, &info, sizeof info);
    memcpy(memory + MEMORY_MAP, map, sizeof map);
    strcpy((char *)memory + COMMAND_LINE, command_line);
}

static void set_cpuid(int kvm, int vcpu)
{
    struct kvm_cpuid2 *table = calloc(1, sizeof *table + CPUID_ENTRIES * sizeof table->entries[0]);
    if (!table)
        die("calloc");
    table->nent = CPUID_ENTRIES;
    request(kvm, KVM_GET_SUPPORTED_CPUID, table, "KVM_GET_SUPPORTED_CPUID");
    for (unsigned i = 0; i < table->nent; i++) {
        struct kvm_cpuid_entry2 *entry = &table->entries[i];
        if (entry->function == 1)
            entry->ebx &= 0x00ffffff;           // the APIC id of the only vCPU
        if (entry->function == 0xb || entry->function == 0x1f)
            entry->edx = 0;
    }
    request(vcpu, KVM_SET_CPUID2, table, "KVM_SET_CPUID2");
    free(table);
}

// LINT0 to the PIC and LINT1 to NMI, as firmware leaves a PC.
static void wire_local_interrupts(int vcpu)
{
    struct kvm_lapic_state apic;
    request(vcpu, KVM_GET_LAPIC, &apic, "KVM_GET_LAPIC");
    memcpy(apic.regs + LINT0, &(uint32_t){EXTERNAL_INTERRUPT}, sizeof(uint32_t));
    memcpy(apic.regs + LINT1, &(uint32_t){NMI}, sizeof(uint32_t));
    request(vcpu, KVM_SET_LAPIC, &apic, "KVM_SET_LAPIC");
}

static void set_registers(int vcpu, uint32_t entry)
{
    struct kvm_sregs special;
    request(vcpu, KVM_GET_SREGS, &special, "KVM_GET_SREGS");
    struct kvm_segment code = {
        .limit = 0xffffffff, .selector = 0x10, .type = 0xb, .present = 1, .db = 1, .s = 1, .g = 1};
    struct kvm_segment data = {
        .limit = 0xffffffff, .selector = 0x18, .type = 0x3, .present = 1, .db = 1, .s = 1, .g = 1};
    struct kvm_segment task = {.limit = 0x67, .selector = 0x20, .type = 0xb, .present = 1};
    special.cs = code;
    special.ds = special.es = special.fs = special.gs = special.ss = data;
    special.tr = task;
    special.cr0 = 0x11;
    request(vcpu, KVM_SET_SREGS, &special, "KVM_SET_SREGS");
    struct kvm_regs registers = {.rip = entry, .rbx = START_INFO, .rflags = 2};
    request(vcpu, KVM_SET_REGS, &registers, "KVM_SET_REGS");
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double loop_start;
static uint64_t exits, exits_at_start;

static void mark(uint8_t value)
{
    if (value == MARK_BEGIN) {
        loop_start = seconds();
        exits_at_start = exits;
    } else if (value == MARK_END && want_rate) {
        fprintf(stderr, "rate: %.0f exits/s\n", (double)(exits - exits_at_start) / (seconds() - loop_start));
    }
}

static void write_port(uint16_t port, uint8_t value)
{
    switch (port) {
    case COM1:
        if (write(STDOUT_FILENO, &value, 1) != 1)
            die("standard output");
        break;
    case EXIT_PORT:
        exit(value);
    case MARK_PORT:
        mark(value);
        break;
    }
}

static uint8_t read_port(uint16_t port)
{
    switch (port) {
    case COM1 + LINE_STATUS:
        return TRANSMITTER_EMPTY;
    case COM1 + INTERRUPT_ID:
        return FIFO_NO_INTERRUPT;
    default:
        return 0xff;
    }
}

static void serve_port(struct kvm_run *run)
{
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
        if (run->io.direction == KVM_EXIT_IO_OUT) {
            write_port(run->io.port, *data);
        } else {
            memset(data, 0xff, run->io.size);
            *data = read_port(run->io.port);
        }
    }
}

static _Noreturn void serve(int vcpu, struct kvm_run *run)
{
    for (;; exits++) {
        if (ioctl(vcpu, KVM_RUN, 0) < 0 && errno != EINTR)
            die("KVM_RUN");
        switch (run->exit_reason) {
        case KVM_EXIT_IO:
            serve_port(run);
            break;
        case KVM_EXIT_MMIO:
            if (!run->mmio.is_write)
                memset(run->mmio.data, 0xff, sizeof run->mmio.data);
            break;
        case KVM_EXIT_INTR:
            break;
        default:
            fprintf(stderr, "baseline: KVM exit %u\n", run->exit_reason);
            exit(125);
        }
    }
}

int main(int count, char **arguments)
{
    parse(count, arguments);
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0)
        die("/dev/kvm");
    if (request(kvm, KVM_GET_API_VERSION, 0, "KVM_GET_API_VERSION") != KVM_API_VERSION)
        die("KVM_GET_API_VERSION");
    int vm = request(kvm, KVM_CREATE_VM, 0, "KVM_CREATE_VM");
    memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        die("mmap of guest memory");
    // Before the irqchip: the first slot registered after it waits for a grace period.
    struct kvm_userspace_memory_region slot = {.memory_size = memory_size, .userspace_addr = (uintptr_t)memory};
    request(vm, KVM_SET_USER_MEMORY_REGION, &slot, "KVM_SET_USER_MEMORY_REGION");
    request(vm, KVM_SET_IDENTITY_MAP_ADDR, &(uint64_t){INTEL_SCRATCH_PAGES}, "KVM_SET_IDENTITY_MAP_ADDR");
    request(vm, KVM_SET_TSS_ADDR, (void *)(uintptr_t)(INTEL_SCRATCH_PAGES + 0x1000), "KVM_SET_TSS_ADDR");
    if (want_irqchip)
        request(vm, KVM_CREATE_IRQCHIP, 0, "KVM_CREATE_IRQCHIP");
    if (want_pit) {
        struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
        request(vm, KVM_CREATE_PIT2, &pit, "KVM_CREATE_PIT2");
    }
    int vcpu = request(vm, KVM_CREATE_VCPU, 0, "KVM_CREATE_VCPU");
    int run_size = request(kvm, KVM_GET_VCPU_MMAP_SIZE, 0, "KVM_GET_VCPU_MMAP_SIZE");
    struct kvm_run *run = mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (run == MAP_FAILED)
        die("mmap of kvm_run");
    set_cpuid(kvm, vcpu);
    if (want_irqchip)
        wire_local_interrupts(vcpu);
    uint32_t entry = load_kernel();
    write_start_info();
    set_registers(vcpu, entry);
    serve(vcpu, run);
}
