/*
 * What Swift cannot import by itself: function-like macros, variadic calls, headers that the Glibc module leaves out,
 * and atomic access to memory shared with the kernel. Headers only; nothing here decides anything.
 */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/magic.h>
#include <linux/vfio.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/statfs.h>
#include <sys/timerfd.h>
#include <termios.h>
#include <unistd.h>

/* ioctl(2), not variadic. Answers the result, or -errno. */
static inline int cl_ioctl(int fd, unsigned long request, void *argument)
{
    int result = ioctl(fd, request, argument);
    return result < 0 ? -errno : result;
}

static inline int cl_ioctl_value(int fd, unsigned long request, unsigned long argument)
{
    int result = ioctl(fd, request, argument);
    return result < 0 ? -errno : result;
}

static inline int cl_open(const char *path, int flags, unsigned mode) { return open(path, flags, mode); }
static inline int cl_fcntl(int fd, int command, long argument) { return fcntl(fd, command, argument); }

/* O_PATH and O_TMPFILE of asm-generic/fcntl.h, which glibc hides without _GNU_SOURCE. */
enum { CL_O_PATH = 010000000, CL_O_TMPFILE = 020200000 };

/* Whether an open file is on procfs, whose links the kernel itself follows. */
static inline int cl_is_on_proc(int fd)
{
    struct statfs system;
    return fstatfs(fd, &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

/* memmem(3), which glibc hides without _GNU_SOURCE: where the wanted bytes begin, in bytes from the start; -1 for
 * nowhere. */
void *memmem(const void *, size_t, const void *, size_t);
static inline long cl_find(const void *start, size_t count, const void *wanted, size_t length)
{
    const char *found = (const char *)memmem(start, count, wanted, length);
    return found ? found - (const char *)start : -1;
}

/* prctl(2) is variadic. */
static inline int cl_set_parent_death_signal(int signal) {
    return prctl(PR_SET_PDEATHSIG, (unsigned long)signal, 0UL, 0UL, 0UL);
}

/* The CPUID instruction: EAX, EBX, ECX, EDX of a leaf, of the processor this runs on. */
static inline void cl_cpuid(uint32_t function, uint32_t index, uint32_t registers[4])
{
#if defined(__x86_64__)
    __asm__ volatile("cpuid"
                     : "=a"(registers[0]), "=b"(registers[1]), "=c"(registers[2]), "=d"(registers[3])
                     : "a"(function), "c"(index));
#else
    (void)function; (void)index;
    registers[0] = registers[1] = registers[2] = registers[3] = 0;
#endif
}

/* One vCPU turn. The error path of KVM_RUN is hot (every kick ends in EINTR), so it answers -errno without a wrapper's
 * work. */
static inline int cl_kvm_run(int fd) { return ioctl(fd, KVM_RUN, 0) < 0 ? -errno : 0; }

/* The processor's time stamp counter: a moment, at the price of an instruction. 0 where there is none. */
static inline uint64_t cl_timestamp(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

/* Where kvm_run holds the registers that KVM leaves there at an exit, and which of them it is asked for: api.rst
 * section 5, kvm_valid_regs. */
enum {
    CL_VALID_REGS_OFFSET = offsetof(struct kvm_run, kvm_valid_regs),
    CL_SYNC_REGS_OFFSET = offsetof(struct kvm_run, s),
};

/* kvm_run is shared with the kernel and, for immediate_exit, with the threads that kick. */
static inline void cl_store_u8(uint8_t *address, uint8_t value)
{
    __atomic_store_n(address, value, __ATOMIC_SEQ_CST);
}

/* Device registers: one access of exactly this width, neither torn nor left out. Guests choose the address, so it may
 * be unaligned. */
static inline uint64_t cl_read_register(const volatile void *address, int width)
{
    switch (width) {
    case 1: return *(const volatile uint8_t *)address;
    case 2: return *(const volatile uint16_t *)address;
    case 4: return *(const volatile uint32_t *)address;
    default: return *(const volatile uint64_t *)address;
    }
}
static inline void cl_write_register(volatile void *address, int width, uint64_t value)
{
    switch (width) {
    case 1: *(volatile uint8_t *)address = (uint8_t)value; break;
    case 2: *(volatile uint16_t *)address = (uint16_t)value; break;
    case 4: *(volatile uint32_t *)address = (uint32_t)value; break;
    default: *(volatile uint64_t *)address = value; break;
    }
}

/* The kick signal: its delivery makes KVM_RUN return EINTR; the handler itself has nothing to do. */
static inline int cl_kick_signal(void) { return SIGRTMIN; }
static inline void cl_empty_handler(int signal) { (void)signal; }
static inline int cl_install_kick_handler(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = cl_empty_handler;
    return sigaction(SIGRTMIN, &action, 0);
}
/* A thread inherits its maker's mask, and the threads of a pool block everything. */
static inline void cl_unblock_kick(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    pthread_sigmask(SIG_UNBLOCK, &set, 0);
}
/* Blocks the kick in this thread. Answers the mask that lets it through again, as the kernel keeps masks: bit N - 1 for
 * signal N. */
static inline uint64_t cl_block_kick(void)
{
    sigset_t set, all;
    uint64_t mask = 0;
    int signal;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    pthread_sigmask(SIG_BLOCK, &set, 0);
    pthread_sigmask(SIG_BLOCK, 0, &all);
    for (signal = 1; signal <= 64; signal++)
        if (signal != SIGRTMIN && sigismember(&all, signal) == 1) mask |= 1ULL << (signal - 1);
    return mask;
}
/* Takes a waiting kick, if there is one. */
static inline void cl_take_kick(void)
{
    sigset_t set;
    struct timespec now = {0, 0};
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigtimedwait(&set, 0, &now);
}
static inline int cl_kick_thread(pthread_t thread) { return pthread_kill(thread, SIGRTMIN); }

/* Declared only under _GNU_SOURCE, which the Glibc module is not built with; two modules must not differ in it. */
int pthread_setname_np(pthread_t thread, const char *name);
static inline void cl_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

/* One heap for all threads: each further one reserves 64 MiB of address space at its thread's first allocation, and a
 * few pages. */
static inline void cl_use_one_heap(void) { mallopt(M_ARENA_MAX, 1); }
