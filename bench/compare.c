// Runs swiftlet and the plain-C baseline by turns on the same guests and prints medians side by side.
//
//     compare --swiftlet PROGRAM --baseline PROGRAM --guests FOLDER [--pairs N] [--only rates|start|memory]
//
// How each figure is taken is written in README.md beside this file.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MAXIMUM_PAIRS = 1000, LOOP_SHORT = 1000, LOOP_TRIAL = 20000, PATIENCE_MS = 120000, SETTLE_MS = 300, GUEST_MIB = 128,
};

// Each loop is made long enough to take about this long in the baseline.
static const double loop_seconds = 0.6;

enum side { SWIFTLET, BASELINE, SIDES };
static const char *const names[SIDES] = {"swiftlet", "plain C"};
static const char *programs[SIDES];
static const char *guests;
static int pairs = 15;

struct run {
    double first_byte, end;             // seconds from exec
};

static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// A child of this program: its pid, the reading end of its standard output, where it keeps its standard error and its
// start.
struct child {
    pid_t pid;
    int output, errors;
    double *started;
};

static struct child start(enum side side, const char *guest, const char *append)
{
    static double *started;
    if (!started)
        started = mmap(NULL, sizeof *started, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int output[2], errors = memfd_create("errors", 0);
    if (started == MAP_FAILED || errors < 0 || pipe(output) < 0)
        fail("%s", strerror(errno));
    char kernel[4096], memory[16];
    snprintf(kernel, sizeof kernel, "%s/%s.elf", guests, guest);
    snprintf(memory, sizeof memory, "%dM", GUEST_MIB);
    const char *arguments[] = {programs[side], "run", kernel, "--memory", memory, "--append", append, NULL};
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        fail("fork: %s", strerror(errno));
    if (pid == 0) {
        int nothing = open("/dev/null", O_RDONLY);
        dup2(nothing, STDIN_FILENO);
        dup2(output[1], STDOUT_FILENO);
        dup2(errors, STDERR_FILENO);
        close(nothing);
        close(output[0]);
        close(output[1]);
        close(errors);
        *started = seconds();
        execv(programs[side], (char *const *)arguments);
        _exit(127);
    }
    close(output[1]);
    return (struct child){pid, output[0], errors, started};
}

// One read of the child's output, which must come in time; 0 at its end.
static ssize_t read_output(const struct child *child, char *buffer, size_t size)
{
    struct pollfd ready = {.fd = child->output, .events = POLLIN};
    if (poll(&ready, 1, PATIENCE_MS) <= 0) {
        kill(child->pid, SIGKILL);
        fail("nothing came from a guest for %d s", PATIENCE_MS / 1000);
    }
    return read(child->output, buffer, size);
}

static void show_errors(const struct child *child)
{
    char buffer[4096];
    ssize_t count;
    for (off_t at = 0; (count = pread(child->errors, buffer, sizeof buffer, at)) > 0; at += count)
        fwrite(buffer, 1, (size_t)count, stderr);
}

static void release(const struct child *child)
{
    close(child->output);
    close(child->errors);
}

// Runs a guest that ends by itself with status 0.
static struct run run(enum side side, const char *guest, const char *append)
{
    struct child child = start(side, guest, append);
    struct run result = {0};
    char buffer[4096];
    ssize_t count;
    while ((count = read_output(&child, buffer, sizeof buffer)) > 0)
        if (result.first_byte == 0)
            result.first_byte = seconds() - *child.started;
    int status;
    waitpid(child.pid, &status, 0);
    result.end = seconds() - *child.started;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || result.first_byte == 0) {
        show_errors(&child);
        fail("%s run %s/%s.elf --append \"%s\": %s %d", programs[side], guests, guest, append,
             WIFEXITED(status) ? "status" : "signal", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
    release(&child);
    return result;
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

// The quartile `quarter` of 4; 2 is the median.
static double quartile(const double *values, int count, int quarter)
{
    double sorted[MAXIMUM_PAIRS];
    memcpy(sorted, values, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, ascending);
    double position = (count - 1) * quarter / 4.0;
    int below = (int)position;
    double above = below + 1 < count ? sorted[below + 1] : sorted[below];
    return sorted[below] + (above - sorted[below]) * (position - below);
}

// A row of the table: both medians with their quartiles, and the median of the pairs' ratios.
static void row(const char *label, const char *format, double values[SIDES][MAXIMUM_PAIRS], int count)
{
    double ratios[MAXIMUM_PAIRS];
    printf("%-34s", label);
    for (enum side side = SWIFTLET; side < SIDES; side++) {
        char text[3][32], cell[128];
        for (int quarter = 1; quarter <= 3; quarter++)
            snprintf(text[quarter - 1], sizeof text[0], format, quartile(values[side], count, quarter));
        snprintf(cell, sizeof cell, "%s (%s-%s)", text[1], text[0], text[2]);
        printf("  %-24s", cell);
    }
    for (int i = 0; i < count; i++)
        ratios[i] = values[SWIFTLET][i] / values[BASELINE][i];
    printf("  %.3f (%.3f-%.3f)\n", quartile(ratios, count, 2), quartile(ratios, count, 1), quartile(ratios, count, 3));
    fflush(stdout);
}

// Which side goes first changes from pair to pair, so that neither always runs behind the other.
static enum side side_of(int pair, int turn) { return (enum side)((pair + turn) % SIDES); }

static double loop(enum side side, const char *mode, uint64_t count)
{
    char append[64];
    snprintf(append, sizeof append, "mode=%s n=%llu", mode, (unsigned long long)count);
    return run(side, "exits", append).end;
}

static void rates(const char *mode)
{
    double values[SIDES][MAXIMUM_PAIRS];
    double trial = (loop(BASELINE, mode, LOOP_TRIAL) - loop(BASELINE, mode, LOOP_SHORT)) / (LOOP_TRIAL - LOOP_SHORT);
    if (trial <= 0)
        fail("a loop of %d exits took no longer than one of %d", LOOP_TRIAL, LOOP_SHORT);
    uint64_t count = LOOP_SHORT + (uint64_t)(loop_seconds / trial);
    for (int pair = 0; pair < pairs; pair++)
        for (int turn = 0; turn < SIDES; turn++) {
            enum side side = side_of(pair, turn);
            double shorter = loop(side, mode, LOOP_SHORT);
            values[side][pair] = (double)(count - LOOP_SHORT) / (loop(side, mode, count) - shorter) / 1000;
        }
    char label[64];
    snprintf(label, sizeof label, "%s exits, thousands a second", mode);
    row(label, "%.1f", values, pairs);
}

static void start_and_end(void)
{
    double first_byte[SIDES][MAXIMUM_PAIRS], end[SIDES][MAXIMUM_PAIRS];
    for (int turn = 0; turn < SIDES; turn++)
        run(side_of(0, turn), "hello", "");
    for (int pair = 0; pair < pairs; pair++)
        for (int turn = 0; turn < SIDES; turn++) {
            enum side side = side_of(pair, turn);
            struct run result = run(side, "hello", "");
            first_byte[side][pair] = result.first_byte * 1000;
            end[side][pair] = result.end * 1000;
        }
    row("first guest byte, ms from exec", "%.2f", first_byte, pairs);
    row("exit, ms from exec", "%.2f", end, pairs);
}

struct residence {
    double others, guest, peak;         // KiB: mappings but guest RAM, guest RAM, VmHWM
    bool exact;                         // guest RAM has no neighbour
};

static double number_after(const char *line, const char *name)
{
    size_t length = strlen(name);
    return strncmp(line, name, length) ? -1 : strtod(line + length, NULL);
}

static FILE *open_process_file(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    FILE *file = fopen(path, "r");
    if (!file)
        fail("%s: %s", path, strerror(errno));
    return file;
}

// Mappings that lie side by side are one area here: guest RAM is several where parts of it are advised in different
// ways.
struct area {
    unsigned long start, end;
    double resident;
};

// Counts an area that is complete.
static void settle(struct residence *result, const struct area *area, bool *seen)
{
    double size = (double)(area->end - area->start) / 1024;
    bool in_guest = size >= GUEST_MIB * 1024.0;
    *seen |= in_guest;
    if (in_guest && size != GUEST_MIB * 1024.0)
        result->exact = false;
    *(in_guest ? &result->guest : &result->others) += area->resident;
}

static struct residence measure(pid_t pid)
{
    struct residence result = {.exact = true};
    struct area area = {0};
    bool seen = false;
    char line[4096];
    FILE *file = open_process_file(pid, "smaps");
    while (fgets(line, sizeof line, file)) {
        unsigned long start, end;
        double resident = number_after(line, "Rss:");
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2) {
            if (start != area.end) {
                settle(&result, &area, &seen);
                area = (struct area){.start = start};
            }
            area.end = end;
        }
        if (resident >= 0)
            area.resident += resident;
    }
    settle(&result, &area, &seen);
    fclose(file);
    file = open_process_file(pid, "status");
    while (fgets(line, sizeof line, file)) {
        double peak = number_after(line, "VmHWM:");
        if (peak >= 0)
            result.peak = peak;
    }
    fclose(file);
    if (!seen)
        fail("found no mapping of %d MiB in process %d: guest memory is not where it was looked for", GUEST_MIB,
             (int)pid);
    return result;
}

// Runs a guest that halts for ever behind its only line, and looks at the process then.
static struct residence residence(enum side side)
{
    struct child child = start(side, "ends", "end=hang");
    char last = 0;
    while (last != '\n') {
        char buffer[4096];
        ssize_t count = read_output(&child, buffer, sizeof buffer);
        if (count <= 0) {
            show_errors(&child);
            fail("%s ended while it should have hung", programs[side]);
        }
        last = buffer[count - 1];
    }
    struct timespec pause = {.tv_nsec = SETTLE_MS * 1000000L};
    nanosleep(&pause, NULL);
    struct residence result = measure(child.pid);
    kill(child.pid, SIGKILL);
    waitpid(child.pid, NULL, 0);
    release(&child);
    return result;
}

static void memory(void)
{
    double others[SIDES][MAXIMUM_PAIRS], peak[SIDES][MAXIMUM_PAIRS];
    bool exact[SIDES] = {true, true};
    int count = pairs < 5 ? pairs : 5;
    for (int pair = 0; pair < count; pair++)
        for (int turn = 0; turn < SIDES; turn++) {
            enum side side = side_of(pair, turn);
            struct residence result = residence(side);
            exact[side] &= result.exact;
            others[side][pair] = result.others / 1024;
            double beyond = result.peak - result.guest;
            peak[side][pair] = (beyond > result.others ? beyond : result.others) / 1024;
        }
    row("memory beyond the guest's, MiB", "%.2f", others, count);
    row("  at its peak, MiB", "%.2f", peak, count);
    for (enum side side = SWIFTLET; side < SIDES; side++)
        if (!exact[side])
            printf("  (%s: guest RAM lies beside other memory, which is then counted as the guest's)\n", names[side]);
}

int main(int count, char **arguments)
{
    const char *only = "";
    for (int i = 1; i + 1 < count; i += 2) {
        const char *option = arguments[i], *value = arguments[i + 1];
        if (!strcmp(option, "--swiftlet"))
            programs[SWIFTLET] = value;
        else if (!strcmp(option, "--baseline"))
            programs[BASELINE] = value;
        else if (!strcmp(option, "--guests"))
            guests = value;
        else if (!strcmp(option, "--pairs"))
            pairs = atoi(value);
        else if (!strcmp(option, "--only"))
            only = value;
        else
            fail("unknown option %s", option);
    }
    if (count % 2 == 0 || !programs[SWIFTLET] || !programs[BASELINE] || !guests || pairs < 1 || pairs > MAXIMUM_PAIRS)
        fail("usage: compare --swiftlet PROGRAM --baseline PROGRAM --guests FOLDER [--pairs 1..%d] "
             "[--only rates|start|memory]",
             MAXIMUM_PAIRS);
    printf("%d pairs by turns, %d MiB, 1 vCPU: median (first to third quartile)\n", pairs, GUEST_MIB);
    printf("%-34s  %-24s  %-24s  %s\n", "", names[SWIFTLET], names[BASELINE], "swiftlet / plain C");
    if (!*only || !strcmp(only, "rates")) {
        rates("port");
        rates("mmio");
    }
    if (!*only || !strcmp(only, "start"))
        start_and_end();
    if (!*only || !strcmp(only, "memory"))
        memory();
    return 0;
}
