/*
 * Runs a program and tells which files and sockets it opens after its first guest instruction.
 *
 *   usage: opens LOG PROGRAM ARGUMENT...
 *
 * LOG gets a line a call, from the first KVM_RUN to the end: the call's name, and the path where it has one. The last
 * line counts: "before N machines M": so many such calls came before, and so many machines were made. The exit status
 * is the program's.
 *
 * ptrace(2): each thread stops where it enters and where it leaves a call. A call is told where it is entered, whatever
 * becomes of it.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* linux/kvm.h: _IO(0xAE, 0x80) and _IO(0xAE, 0x01). */
#define RUN 0xAE80
#define CREATE_VM 0xAE01

static const struct {
    long call;
    const char *name;
    /* Which argument is a path; -1: none. */
    int path;
} calls[] = {
    {SYS_open, "open", 0},          {SYS_openat, "openat", 1}, {SYS_openat2, "openat2", 1},
    {SYS_creat, "creat", 0},        {SYS_socket, "socket", -1}, {SYS_socketpair, "socketpair", -1},
    {SYS_connect, "connect", -1},   {SYS_memfd_create, "memfd_create", 0},
    {SYS_open_by_handle_at, "open_by_handle_at", -1},
};
#define CALLS (sizeof calls / sizeof calls[0])

static void tell(FILE *log, pid_t member, size_t which, const struct __ptrace_syscall_info *info)
{
    char path[512] = "";
    if (calls[which].path >= 0) {
        struct iovec here = {path, sizeof path - 1};
        struct iovec there = {(void *)info->entry.args[calls[which].path], sizeof path - 1};
        /* A path may lie at the end of what is mapped. */
        while (there.iov_len > 0 && process_vm_readv(member, &here, 1, &there, 1, 0) < 0) there.iov_len /= 2;
    }
    fprintf(log, "%s %s\n", calls[which].name, path);
}

int main(int count, char **arguments)
{
    int status, before = 0, machines = 0, has_run = 0, result = 125;
    if (count < 3) return fprintf(stderr, "usage: opens LOG PROGRAM ARGUMENT...\n"), 64;
    FILE *log = fopen(arguments[1], "we");
    if (!log) return perror(arguments[1]), 125;
    pid_t first = fork();
    if (first < 0) return perror("fork"), 125;
    if (first == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        execv(arguments[2], arguments + 2);
        _exit(127);
    }
    waitpid(first, &status, 0);
    ptrace(PTRACE_SETOPTIONS, first, 0,
           PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
               PTRACE_O_TRACEEXEC);
    ptrace(PTRACE_SYSCALL, first, 0, 0);
    for (;;) {
        pid_t member = waitpid(-1, &status, __WALL);
        if (member < 0) break;
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (member == first) result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            continue;
        }
        int signal = WSTOPSIG(status), pass = 0;
        if (signal == (SIGTRAP | 0x80)) {
            struct __ptrace_syscall_info info;
            if (ptrace(PTRACE_GET_SYSCALL_INFO, member, (void *)sizeof info, &info) > 0 &&
                info.op == PTRACE_SYSCALL_INFO_ENTRY) {
                if (info.entry.nr == SYS_ioctl && info.entry.args[1] == RUN) has_run = 1;
                if (info.entry.nr == SYS_ioctl && info.entry.args[1] == CREATE_VM) machines++;
                for (size_t which = 0; which < CALLS; which++) {
                    if ((long)info.entry.nr != calls[which].call) continue;
                    if (has_run) tell(log, member, which, &info);
                    else before++;
                }
            }
        } else if (status >> 16 == 0 && signal != SIGTRAP && signal != SIGSTOP) {
            pass = signal;
        }
        ptrace(PTRACE_SYSCALL, member, 0, pass);
    }
    fprintf(log, "before %d machines %d\n", before, machines);
    return fclose(log) == 0 ? result : 125;
}
