/*
 * Counts what one run of a program costs, thread by thread, whatever program it is: no part of it is made for that.
 *
 *   usage: cost calls PROGRAM [ARGUMENT...]          system calls
 *          cost allocations PROGRAM [ARGUMENT...]    calls of malloc, calloc, realloc and posix_memalign
 *
 * Lines on standard output: a thread's name and its figures, and at the end
 *   status N            the program's exit status; -N: signal N
 *   resident N          the most memory that was resident, in KiB
 *
 * System calls are counted by ptrace(2), from the first rt_sigaction of SIGHUP on, which is the first act of main: what
 * comes before is the loader's and the C library's, and differs between a static and a dynamic program. A thread's are
 * "calls N runs N before N": KVM_RUN counts as a run, any other as a call; before: calls of the whole program ahead of
 * its first KVM_RUN. Allocations are counted by the processor: each thread gets the four functions' first instructions
 * into its debug registers (Intel SDM volume 3, 19.2), so that nothing in the program changes and nothing is slowed
 * but them.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const functions[] = {"malloc", "calloc", "realloc", "posix_memalign"};
enum { FUNCTIONS = 4, THREADS = 64 };

struct thread {
    pid_t id;
    long calls, runs, allocations;
};

static struct thread threads[THREADS];
static unsigned long addresses[FUNCTIONS];
static long before = -1, total;

static void fail(const char *what)
{
    fprintf(stderr, "cost: %s: %s\n", what, strerror(errno));
    exit(125);
}

static struct thread *thread_of(pid_t id)
{
    for (struct thread *thread = threads; thread < threads + THREADS; thread++) {
        if (thread->id == id) return thread;
        if (thread->id) continue;
        thread->id = id;
        return thread;
    }
    errno = ENOSPC;
    fail("more threads than there is room for");
    return NULL;
}

/* Looks into the symbols of an ELF file that is mapped from an address on. */
static void find_functions(const char *path, unsigned long base)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    if (fstat(file, &status) != 0 || (size_t)status.st_size < sizeof(Elf64_Ehdr)) fail(path);
    const char *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    if (bytes == MAP_FAILED) fail(path);
    const Elf64_Ehdr *header = (const void *)bytes;
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) == 0) {
        const Elf64_Phdr *segments = (const void *)(bytes + header->e_phoff);
        const Elf64_Shdr *sections = (const void *)(bytes + header->e_shoff);
        unsigned long first = 0;
        for (int index = header->e_phnum - 1; index >= 0; index--)
            if (segments[index].p_type == PT_LOAD) first = segments[index].p_vaddr & ~4095ul;
        for (int index = 0; index < header->e_shnum; index++) {
            if (sections[index].sh_type != SHT_SYMTAB && sections[index].sh_type != SHT_DYNSYM) continue;
            const Elf64_Sym *symbols = (const void *)(bytes + sections[index].sh_offset);
            const char *names = bytes + sections[sections[index].sh_link].sh_offset;
            for (size_t each = 0; each < sections[index].sh_size / sizeof *symbols; each++)
                for (int which = 0; which < FUNCTIONS; which++)
                    if (symbols[each].st_shndx && ELF64_ST_TYPE(symbols[each].st_info) == STT_FUNC &&
                        strcmp(names + symbols[each].st_name, functions[which]) == 0)
                        addresses[which] = base + symbols[each].st_value - first;
        }
    }
    munmap((void *)bytes, (size_t)status.st_size);
}

/* The functions of a static program, or of the C library that a dynamic one has loaded by now. */
static void find_allocator(pid_t process)
{
    char line[4400], path[4200], program[4200], link[64];
    snprintf(link, sizeof link, "/proc/%d/exe", process);
    ssize_t length = readlink(link, program, sizeof program - 1);
    if (length < 0) fail(link);
    program[length] = 0;
    snprintf(link, sizeof link, "/proc/%d/maps", process);
    FILE *maps = fopen(link, "r");
    if (!maps) fail(link);
    while (fgets(line, sizeof line, maps)) {
        unsigned long base, offset;
        if (sscanf(line, "%lx-%*x %*s %lx %*s %*s %4199[^\n]", &base, &offset, path) != 3 || offset) continue;
        if (strcmp(path, program) == 0 || strstr(path, "/libc.so.6")) find_functions(path, base);
    }
    fclose(maps);
    for (int which = 0; which < FUNCTIONS; which++) {
        errno = ENOENT;
        if (!addresses[which]) fail(functions[which]);
    }
}

/* Has a stopped thread stop where it enters one of the functions. */
static void watch(pid_t thread)
{
    unsigned long control = 0;
    for (int which = 0; which < FUNCTIONS; which++) {
        control |= 1ul << (2 * which);
        if (ptrace(PTRACE_POKEUSER, thread, offsetof(struct user, u_debugreg[which]), addresses[which]) != 0)
            fail("debug register");
    }
    if (ptrace(PTRACE_POKEUSER, thread, offsetof(struct user, u_debugreg[7]), control) != 0) fail("debug registers");
}

/* Takes down a call that is entered. */
static void note_call(struct thread *thread, const struct __ptrace_syscall_info *info)
{
    static int has_begun;
    if (info->entry.nr == SYS_rt_sigaction && info->entry.args[0] == SIGHUP) has_begun = 1;
    if (!has_begun) return;
    if (info->entry.nr == SYS_ioctl && info->entry.args[1] == KVM_RUN) {
        thread->runs++;
        if (before < 0) before = total;
    } else {
        thread->calls++;
        total++;
    }
}

static void show(pid_t process, const struct thread *thread, int counts_calls)
{
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%d/comm", process, thread->id);
    FILE *file = fopen(path, "r");
    if (file) {
        if (fgets(name, sizeof name, file)) name[strcspn(name, "\n")] = 0;
        fclose(file);
    }
    if (counts_calls) printf("%s: calls %ld runs %ld before %ld\n", name, thread->calls, thread->runs, before);
    else printf("%s: allocations %ld\n", name, thread->allocations);
}

int main(int count, char **arguments)
{
    int status = 0, is_found = 0, counts_calls = count > 2 && strcmp(arguments[1], "calls") == 0;
    struct rusage usage = {0};
    if (count < 3 || (!counts_calls && strcmp(arguments[1], "allocations") != 0))
        return fprintf(stderr, "usage: cost calls|allocations PROGRAM [ARGUMENT...]\n"), 64;
    pid_t process = fork();
    if (process == 0) {
        int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(nothing, 0), dup2(nothing, 1), dup2(nothing, 2);
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        execv(arguments[2], arguments + 2);
        _exit(127);
    }
    if (process < 0 || waitpid(process, &status, 0) != process) fail("fork");
    if (ptrace(PTRACE_SETOPTIONS, process, 0,
               PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
                   PTRACE_O_TRACEEXIT) != 0)
        fail("ptrace");
    int request = counts_calls ? PTRACE_SYSCALL : PTRACE_CONT;
    ptrace(request, process, 0, 0);
    for (;;) {
        pid_t member = wait4(-1, &status, __WALL, &usage);
        if (member < 0) fail("wait4");
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (member != process) continue;
            printf("status %d\nresident %ld\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
                   usage.ru_maxrss);
            return 0;
        }
        struct thread *thread = thread_of(member);
        int signal = WSTOPSIG(status), event = status >> 16, pass = 0;
        if (signal == (SIGTRAP | 0x80)) {
            struct __ptrace_syscall_info info;
            if (ptrace(PTRACE_GET_SYSCALL_INFO, member, (void *)sizeof info, &info) > 0 &&
                info.op == PTRACE_SYSCALL_INFO_ENTRY)
                note_call(thread, &info);
        } else if (event == PTRACE_EVENT_EXIT) {
            show(process, thread, counts_calls);
        } else if (event == 0 && signal == SIGSTOP) {
            // A new thread. The first comes after all libraries; the thread that was there before is not watched.
            if (!counts_calls && !is_found) find_allocator(process), is_found = 1;
            if (!counts_calls) watch(member);
        } else if (event == 0 && signal == SIGTRAP) {
            unsigned long hit = (unsigned long)ptrace(PTRACE_PEEKUSER, member, offsetof(struct user, u_debugreg[6]), 0);
            if (hit & 15) thread->allocations++;
            ptrace(PTRACE_POKEUSER, member, offsetof(struct user, u_debugreg[6]), 0);
        } else if (event == 0) {
            pass = signal;
        }
        ptrace(request, member, 0, pass);
    }
}
