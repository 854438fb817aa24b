/*
 * Makes one system call of swiftlet fail, run after run, and checks what becomes of it. Every run's guest fails, so:
 *   the status is never 0, and never a verdict that another sentence goes with;
 *   the last line on standard error is swiftlet's, or a suite told its summary;
 *   it ends in time.
 *
 *   usage: faults SWIFTLET GUESTS [RUNS [SEED]]       RUNS of all possible ones, chosen by SEED; 0 for all
 *          faults -1 SCENARIO CALL ERRNO SWIFTLET GUESTS   one run, shown
 *
 * ptrace(2): the call's number is replaced by none where it is entered, and its answer where it is left.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 15

static char directory[64];
static char guests[4096];

struct scenario {
    const char *name;
    /* GUESTS/ and DIR/ in front of a word are replaced. */
    const char *words[16];
    /* What the run comes to without a failure, and a part of its last sentence. */
    int status;
    const char *sentence;
};

static const struct scenario scenarios[] = {
    {"triple fault", {"run", "GUESTS/ends.elf", "--append", "end=triplefault"}, 102, "triple fault"},
    {"panic, reports",
     {"run", "GUESTS/ends.elf", "--append", "end=panic", "--report", "json:DIR/r.json"},
     101, "panicked"},
    {"value, all files",
     {"run", "GUESTS/hello.elf", "--append", "exit=7", "--report", "junit:DIR/r.xml", "--record", "DIR/rec", "--trace",
      "DIR/trace", "--console", "file:DIR/console"},
     7,
     "wrote 7"},
    {"reset, two processors",
     {"run", "GUESTS/ends.elf", "--append", "end=reset", "--cpus", "2", "--memory=64M"},
     103, "reset itself"},
    {"time limit", {"run", "GUESTS/ends.elf", "--append", "end=spin", "--timeout", "400ms"}, 124, "timeout"},
    {"expectation", {"run", "GUESTS/hello.elf", "--expect", "^never said$", "--console", "none"}, 1, "never said"},
    {"no kernel", {"run", "DIR/none.elf", "--report", "json:DIR/r.json"}, 66, "none.elf"},
    {"usage", {"run", "--no-such-option"}, 64, "no-such-option"},
    {"suite", {"suite", "DIR/fails.toml", "--report", "junit:DIR/s.xml", "--logs", "DIR/logs"}, 1, "SUMMARY"},
};
#define SCENARIOS (sizeof scenarios / sizeof scenarios[0])

static const int errors[] = {EIO, ENOMEM, EINTR, EMFILE, EAGAIN};
#define ERRORS (sizeof errors / sizeof errors[0])

/* One run. */
struct run {
    int status;      /* -N: signal N */
    int calls;       /* how many there were, counted from the program's start */
    long failed;     /* which one failed; -1: none */
    int is_late;
    double seconds;
    char output[16384], words[16384];
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* What can't fail, or not by an errno, or whose failure nobody could tell: an end, a return from a handler, what the C
 * library does before main. */
static int may_fail(long call)
{
    switch (call) {
    case SYS_brk: case SYS_exit: case SYS_exit_group: case SYS_rt_sigreturn: case SYS_execve: case SYS_arch_prctl:
    case SYS_set_tid_address: case SYS_futex: case SYS_set_robust_list: case SYS_rseq: case SYS_munmap:
    case SYS_restart_syscall: case SYS_gettid: case SYS_getpid: return 0;
    default: return 1;
    }
}

static void drop(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    unlink(path);
}

static void take(int file, char *text, size_t size)
{
    ssize_t count = pread(file, text, size - 1, 0);
    text[count > 0 ? count : 0] = 0;
    close(file);
}

/* Runs with the given call failing; 0 for none. */
static void go(const char *program, const struct scenario *scenario, int which, int error, struct run *run)
{
    char words[16][4200], *arguments[18] = {(char *)program};
    int output = memfd_create("output", 0), errors = memfd_create("errors", 0), count = 0, status, failing = 0;
    double start = now();
    pid_t first, living = 1;
    char logs[128];
    memset(run, 0, sizeof *run);
    run->failed = -1;
    for (const char *const *word = scenario->words; *word; word++) {
        const char *place;
        if ((place = strstr(*word, "GUESTS/"))) snprintf(words[count], sizeof words[0], "%s/%s", guests, place + 7);
        else if ((place = strstr(*word, "DIR/")))
            snprintf(words[count], sizeof words[0], "%.*s%s/%s", (int)(place - *word), *word, directory, place + 4);
        else snprintf(words[count], sizeof words[0], "%s", *word);
        arguments[count + 1] = words[count];
        count++;
    }
    snprintf(logs, sizeof logs, "%s/logs", directory);
    first = fork();
    if (first == 0) {
        int nothing = open("/dev/null", O_RDWR);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, 0);
        dup2(nothing, 0);
        dup2(output, 1);
        dup2(errors, 2);
        close(nothing), close(output), close(errors);
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        execv(program, arguments);
        _exit(127);
    }
    waitpid(first, &status, 0);
    ptrace(PTRACE_SETOPTIONS, first, 0,
           PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
               PTRACE_O_TRACEEXEC);
    ptrace(PTRACE_SYSCALL, first, 0, 0);
    static char has_begun[1 << 22];
    memset(has_begun, 0, sizeof has_begun);
    while (living > 0) {
        pid_t member = waitpid(-1, &status, __WALL | WNOHANG);
        if (member == 0) {
            if (now() - start > SECONDS && !run->is_late) {
                run->is_late = 1;
                kill(first, SIGKILL);
            }
            usleep(50);
            continue;
        }
        if (member < 0) break;
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (member == first) {
                run->status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
                run->seconds = now() - start;
            }
            continue;
        }
        int signal = WSTOPSIG(status), pass = 0;
        if (signal == (SIGTRAP | 0x80)) {
            struct __ptrace_syscall_info info;
            struct user_regs_struct registers;
            if (ptrace(PTRACE_GET_SYSCALL_INFO, member, (void *)sizeof info, &info) > 0) {
                // The first act of main: what came before is the loader's and the C library's.
                if (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_rt_sigaction &&
                    info.entry.args[0] == SIGHUP)
                    has_begun[member] = 1;
                if (info.op == PTRACE_SYSCALL_INFO_ENTRY && has_begun[member] && may_fail((long)info.entry.nr)) {
                    run->calls++;
                    if (which > 0 && run->calls == which) {
                        ptrace(PTRACE_GETREGS, member, 0, &registers);
                        run->failed = (long)registers.orig_rax;
                        registers.orig_rax = (unsigned long long)-1;
                        ptrace(PTRACE_SETREGS, member, 0, &registers);
                        failing = member;
                    }
                } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && failing == member) {
                    ptrace(PTRACE_GETREGS, member, 0, &registers);
                    registers.rax = (unsigned long long)-error;
                    ptrace(PTRACE_SETREGS, member, 0, &registers);
                    failing = 0;
                }
            }
        } else if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
            has_begun[member] = 0;
        } else if (status >> 16 == PTRACE_EVENT_CLONE || status >> 16 == PTRACE_EVENT_VFORK ||
                   status >> 16 == PTRACE_EVENT_FORK) {
            unsigned long child = 0;
            ptrace(PTRACE_GETEVENTMSG, member, 0, &child);
            if (child < sizeof has_begun) has_begun[child] = 1;
        } else if (status >> 16 == 0 && signal != SIGTRAP && signal != SIGSTOP) {
            pass = signal;
        }
        ptrace(PTRACE_SYSCALL, member, 0, pass);
    }
    take(output, run->output, sizeof run->output);
    take(errors, run->words, sizeof run->words);
    const char *made[] = {"r.json", "r.xml", "rec", "trace", "console", "s.xml", "logs/one.log", "logs/two.log"};
    for (size_t index = 0; index < sizeof made / sizeof made[0]; index++) drop(made[index]);
    rmdir(logs);
}

static const char *last_line(char *text)
{
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '\n') text[--length] = 0;
    char *line = strrchr(text, '\n');
    return line ? line + 1 : text;
}

/* Why a run is wrong; NULL where it is right. */
static const char *fault(const struct scenario *scenario, struct run *run)
{
    int is_suite = strcmp(scenario->words[0], "suite") == 0;
    if (run->is_late) return "it did not end";
    if (run->status == 0) return "status 0";
    if (run->status < 0) return "ended by a signal without a status";
    if (is_suite && run->status == 1)
        return strstr(run->output, "SUMMARY: 2 tests, 0 passed, ") && strstr(run->output, "FAIL ")
                   ? 0
                   : "status 1, and the output tells no failure";
    if (is_suite && strstr(run->output, "PASS ")) return "a test passed";
    const char *last = last_line(run->words);
    if (strncmp(last, "swiftlet", 8) != 0 && strncmp(last, "Error: ", 7) != 0 &&
        !(is_suite && strstr(run->output, "SUMMARY")))
        return "no last sentence";
    if (!is_suite && (run->status == scenario->status) != (strstr(last, scenario->sentence) != 0))
        return "the status and the last sentence don't fit";
    return 0;
}

static void show(const struct scenario *scenario, int which, int error, struct run *run, const char *why)
{
    printf("%s: scenario '%s', call %d (number %ld) fails with %s: status %d after %.1f s\n"
           "  standard error:\n%s\n  standard output:\n%s\n",
           why, scenario->name, which, run->failed, strerrorname_np(error), run->status, run->seconds, run->words,
           run->output);
}

int main(int count, char **arguments)
{
    static struct run run;
    int calls[SCENARIOS], total = 0, wrong = 0, done = 0;
    int is_single = count > 6 && strcmp(arguments[1], "-1") == 0;
    const char *program = arguments[is_single ? 5 : 1];
    if (count < 3) return fprintf(stderr, "usage: faults SWIFTLET GUESTS [RUNS [SEED]]\n"), 64;
    snprintf(guests, sizeof guests, "%s", arguments[is_single ? 6 : 2]);
    snprintf(directory, sizeof directory, "/tmp/swiftlet-faults-XXXXXX");
    if (!mkdtemp(directory)) return perror("mkdtemp"), 125;
    char path[128];
    snprintf(path, sizeof path, "%s/fails.toml", directory);
    FILE *suite = fopen(path, "w");
    if (!suite) return perror(path), 125;
    fprintf(suite,
            "[[boot]]\nname = \"one\"\nkernel = \"%s/ends.elf\"\nappend = \"end=triplefault\"\ntimeout = \"10s\"\n",
            guests);
    fprintf(suite, "[[boot]]\nname = \"two\"\nkernel = \"%s/hello.elf\"\nappend = \"exit=3\"\ntimeout = \"10s\"\n",
            guests);
    fclose(suite);
    if (is_single) {
        const struct scenario *scenario = &scenarios[atoi(arguments[2])];
        go(program, scenario, atoi(arguments[3]), atoi(arguments[4]), &run);
        const char *why = fault(scenario, &run);
        show(scenario, atoi(arguments[3]), atoi(arguments[4]), &run, why ? why : "right");
        wrong = why != 0;
    } else {
        int runs = count > 3 ? atoi(arguments[3]) : 0;
        unsigned seed = count > 4 ? (unsigned)strtoul(arguments[4], 0, 10) : 1;
        for (size_t index = 0; index < SCENARIOS; index++) {
            go(program, &scenarios[index], 0, 0, &run);
            const char *why = fault(&scenarios[index], &run);
            if (!why && run.status != scenarios[index].status) why = "another status";
            if (why) {
                show(&scenarios[index], 0, EIO, &run, why);
                wrong++;
            }
            calls[index] = run.calls;
            total += run.calls;
        }
        printf("faults: %d system calls in %zu scenarios\n", total, SCENARIOS);
        int step = runs > 0 && runs < total ? total / runs : 1;
        for (int place = (int)(seed % (unsigned)step); place < total && (runs == 0 || done < runs); place += step) {
            size_t index = 0;
            int which = place;
            while (which >= calls[index]) which -= calls[index++];
            int error = errors[((unsigned)place / (unsigned)step + seed) % ERRORS];
            go(program, &scenarios[index], which + 1, error, &run);
            done++;
            const char *why = fault(&scenarios[index], &run);
            if (!why) continue;
            show(&scenarios[index], which + 1, error, &run, why);
            printf("  again: faults -1 %zu %d %d %s %s\n\n", index, which + 1, error, program, guests);
            fflush(stdout);
            wrong++;
        }
        printf("faults: %d runs, %d wrong\n", done, wrong);
    }
    unlink(path);
    rmdir(directory);
    return wrong > 0;
}
