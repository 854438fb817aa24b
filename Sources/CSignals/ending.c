#define _GNU_SOURCE
#include "CSignals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef unsigned long long nanoseconds;

#define MILLISECOND 1000000ULL
#define SIGNAL_GRACE (800 * MILLISECOND)
/* What a signal ended on a slow host is still told whole while the main thread gets on, step by step. */
#define STEP_GRACE (400 * MILLISECOND)
#define LONGEST_SIGNAL_GRACE (2000 * MILLISECOND)
#define LIMIT_GRACE (1000 * MILLISECOND)
#define LONGEST_LIMIT_GRACE (10000 * MILLISECOND)
#define TICK (50 * MILLISECOND)
/* What a last sentence may take. */
#define LAST_WORDS (100 * MILLISECOND)

/* Those whose default action ends a process, that are sent from outside, and that leave it able to go on. */
static const struct {
    int number;
    const char *name;
} endings[] = {
    {SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT (^C)"}, {SIGQUIT, "SIGQUIT"}, {SIGTERM, "SIGTERM"},
    {SIGUSR1, "SIGUSR1"}, {SIGUSR2, "SIGUSR2"}, {SIGALRM, "SIGALRM"},
    {SIGXCPU, "SIGXCPU (the limit on processor time)"},
};
#define ENDINGS (sizeof endings / sizeof endings[0])

static const char *speaker = "swiftlet";
static const char *phase = "starting";
static nanoseconds beginning;
static _Atomic int cause;
static _Atomic nanoseconds cause_time;
static _Atomic int last;
static _Atomic int event = -1;
static volatile sig_atomic_t is_listening;

/* Moments of the monotonic clock; 0 for never. */
static volatile nanoseconds limit;
static volatile nanoseconds hard_end;
static char limit_words[32];
static volatile int limit_status;

static volatile sig_atomic_t activity;
static volatile sig_atomic_t is_interrupted;
static char object[256];
static _Thread_local int is_main;

static volatile sig_atomic_t terminal = -1;
static struct termios terminal_modes;

/* An open file of standard error that never waits; -1: none yet. */
static volatile sig_atomic_t own_errors = -1;

static volatile sig_atomic_t is_ending;
static volatile sig_atomic_t has_signal;

static nanoseconds now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (nanoseconds)time.tv_sec * 1000000000ULL + (nanoseconds)time.tv_nsec;
}

/* Has SIGALRM come at a moment, and from then on every tick, so that no call that blocks just then is missed. */
static int set_alarm(nanoseconds moment)
{
    nanoseconds time = now();
    nanoseconds rest = moment > time + MILLISECOND ? moment - time : MILLISECOND;
    struct itimerval timer;
    timer.it_interval.tv_sec = 0;
    timer.it_interval.tv_usec = TICK / 1000;
    timer.it_value.tv_sec = (time_t)(rest / 1000000000ULL);
    timer.it_value.tv_usec = (suseconds_t)(rest % 1000000000ULL / 1000);
    return setitimer(ITIMER_REAL, &timer, 0) == 0 ? 0 : errno;
}

static void leave(void)
{
    int why = atomic_load(&cause);
    _exit(why > 0 ? 128 + why : limit_status);
}

struct text {
    char *start;
    size_t room, count;
};

/* Bytes that a terminal might act upon are shown as question marks. */
static void add(struct text *text, const char *words, int is_foreign)
{
    for (; *words != 0 && text->count + 1 < text->room; words++) {
        char byte = *words;
        text->start[text->count++] = is_foreign && (byte < 0x20 || byte > 0x7e) ? '?' : byte;
    }
}

const char *cs_name(int number)
{
    size_t index;
    for (index = 0; index < ENDINGS; index++)
        if (endings[index].number == number) return endings[index].name;
    return 0;
}

static void add_sentence(struct text *text)
{
    int why = atomic_load(&cause), what = activity;
    const char *doing[] = {"", " was being opened", " was being read", " was being written", ""};
    const char *still[] = {"", " was still being opened", " was still being read", " was still being written", ""};
    if (why == 0) return;
    if (why > 0) {
        add(text, "ended by ", 0);
        add(text, cs_name(why), 0);
        if (what == CS_NOTHING) return;
        add(text, what == CS_WAITING_FOR ? " while it waited for " : " while ", 0);
        add(text, object, 1);
        add(text, doing[what], 0);
        return;
    }
    add(text, "timeout: after ", 0);
    add(text, limit_words, 0);
    if (what == CS_NOTHING) {
        add(text, " it was still ", 0);
        add(text, phase, 0);
        return;
    }
    add(text, what == CS_WAITING_FOR ? " it still waited for " : " ", 0);
    add(text, object, 1);
    add(text, still[what], 0);
}

static int open_errors(void)
{
    return open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void cs_open_errors(void)
{
    struct stat status;
    if (own_errors < 0 && fstat(2, &status) == 0 && (S_ISFIFO(status.st_mode) || isatty(2))) own_errors = open_errors();
}

/* Writes what standard error takes without waiting. */
static void speak(const char *words, size_t count)
{
    struct stat status;
    struct pollfd entry = {2, POLLOUT, 0};
    struct termios modes;
    if (fstat(2, &status) != 0) return;
    if (S_ISSOCK(status.st_mode)) {
        (void)!send(2, words, count, MSG_DONTWAIT | MSG_NOSIGNAL);
        return;
    }
    /* poll(2) calls a terminal that ^S stopped writable, and a pipe that others fill meanwhile: an open file of our own
     * does not wait. */
    if (S_ISFIFO(status.st_mode) || tcgetattr(2, &modes) == 0) {
        int own = own_errors >= 0 ? (int)own_errors : open_errors();
        if (own >= 0) {
            (void)!write(own, words, count);
            return;
        }
    }
    if (poll(&entry, 1, 0) == 1 && (entry.revents & POLLOUT) != 0) (void)!write(2, words, count);
}

void cs_restore_terminal(int descriptor, const struct termios *modes)
{
    sigset_t set, before;
    if (descriptor < 0 || tcgetpgrp(descriptor) != getpgrp()) return;
    /* Should it go to the background this moment, the call would stop the process. */
    sigemptyset(&set);
    sigaddset(&set, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &set, &before);
    tcsetattr(descriptor, TCSANOW, modes);
    pthread_sigmask(SIG_SETMASK, &before, 0);
}

/* Ends the process: the terminal as it was, a sentence, the status. */
static void end(void)
{
    char words[512];
    struct text text = {words, sizeof words - 1, 0};
    sigset_t set;
    if (is_ending) leave();
    is_ending = 1;
    /* A write may block all the same; the next alarm then ends it. */
    if (set_alarm(now() + LAST_WORDS) != 0) leave();
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &set, 0);
    cs_restore_terminal((int)terminal, &terminal_modes);
    add(&text, speaker, 0);
    add(&text, ": ", 0);
    add_sentence(&text);
    words[text.count++] = '\n';
    speak(words, text.count);
    leave();
}

/* Notes a request. */
static void request(int why)
{
    nanoseconds time = now();
    int none = 0, raw = atomic_load(&event);
    nanoseconds one = 1;
    if (why > 0) has_signal = 1;
    if (atomic_compare_exchange_strong(&cause, &none, why)) {
        atomic_store(&cause_time, time);
        if (!is_listening) end();
        hard_end = time + (why > 0 ? SIGNAL_GRACE : LIMIT_GRACE);
        if (set_alarm(time + TICK) != 0) end();
    } else if (why > 0 && none == CS_LIMIT && hard_end > time + SIGNAL_GRACE) {
        hard_end = time + SIGNAL_GRACE;
    }
    atomic_store(&last, why);
    if (raw >= 0) (void)!write(raw, &one, sizeof one);
}

static void handle(int number)
{
    int error = errno;
    if (is_ending) leave();
    if (number == SIGALRM && (limit != 0 || hard_end != 0)) {
        nanoseconds time = now();
        if (hard_end != 0 && time >= hard_end) end();
        if (atomic_load(&cause) == 0) {
            if (time >= limit) request(CS_LIMIT);
            else if (set_alarm(limit) != 0) request(CS_LIMIT);
        }
    } else {
        request(number);
    }
    errno = error;
}

void cs_begin(void)
{
    struct sigaction action, before;
    sigset_t set;
    size_t index;
    beginning = now();
    is_main = 1;
    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
    for (index = 0; index < ENDINGS; index++) sigaddset(&action.sa_mask, endings[index].number);
    sigemptyset(&set);
    for (index = 0; index < ENDINGS; index++) {
        int number = endings[index].number;
        if (sigaction(number, 0, &before) == 0 && before.sa_handler == SIG_IGN && number != SIGALRM) continue;
        if (sigaction(number, &action, 0) == 0 || sigaction(number, &action, 0) == 0) sigaddset(&set, number);
    }
    pthread_sigmask(SIG_UNBLOCK, &set, 0);
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_IGN;
    sigaction(SIGXFSZ, &action, 0);
}

void cs_set_speaker(const char *name) { speaker = name; }

void cs_set_phase(const char *name) { phase = name; }

void cs_keep_activity(void)
{
    if (is_main) is_interrupted = 1;
}

int cs_is_interrupted(void) { return is_interrupted; }

int cs_listen(void)
{
    int raw = atomic_load(&event);
    if (raw < 0) {
        raw = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (raw < 0) return -errno;
        atomic_store(&event, raw);
    }
    is_listening = 1;
    return raw;
}

int cs_take(void)
{
    nanoseconds count;
    int raw = atomic_load(&event);
    if (raw >= 0) (void)!read(raw, &count, sizeof count);
    return atomic_exchange(&last, 0);
}

int cs_cause(void) { return atomic_load(&cause); }

unsigned long long cs_since_cause(void)
{
    nanoseconds time = atomic_load(&cause_time);
    return time == 0 ? 0 : now() - time;
}

unsigned long long cs_beginning(void) { return beginning; }

int cs_set_limit(unsigned long long length, const char *words, int status)
{
    strncpy(limit_words, words, sizeof limit_words - 1);
    limit_status = status;
    if (beginning == 0 || length > 1000000000ULL * 1000000000ULL) return 0;
    limit = beginning + length;
    return atomic_load(&cause) != 0 ? 0 : set_alarm(limit);
}

/* Later than any moment. */
#define NEVER (1ULL << 62)
static nanoseconds held_limit, held_since;

void cs_hold_limit(void)
{
    if (limit == 0 || held_limit != 0 || atomic_load(&cause) != 0) return;
    held_limit = limit;
    held_since = now();
    limit = NEVER;
}

int cs_release_limit(void)
{
    if (held_limit == 0) return 0;
    limit = held_limit + (now() - held_since);
    held_limit = 0;
    return atomic_load(&cause) != 0 ? 0 : set_alarm(limit);
}

void cs_prolong(void)
{
    nanoseconds time = now();
    int why = atomic_load(&cause);
    if (why > 0) {
        nanoseconds end = time + STEP_GRACE, longest = atomic_load(&cause_time) + LONGEST_SIGNAL_GRACE;
        if (end > longest) end = longest;
        if (hard_end != 0 && end > hard_end) hard_end = end;
    }
    if (why != CS_LIMIT || has_signal) return;
    if (time + LIMIT_GRACE <= limit + LONGEST_LIMIT_GRACE) hard_end = time + LIMIT_GRACE;
}

void cs_set_activity(int what, const char *name)
{
    if (!is_main || is_interrupted) return;
    activity = CS_NOTHING;
    if (what == CS_NOTHING) return;
    atomic_signal_fence(memory_order_seq_cst);
    strncpy(object, name, sizeof object - 1);
    atomic_signal_fence(memory_order_seq_cst);
    activity = what;
}

size_t cs_sentence(char *buffer, size_t size)
{
    struct text text = {buffer, size, 0};
    if (size == 0) return 0;
    add_sentence(&text);
    buffer[text.count] = 0;
    return text.count;
}

void cs_set_terminal(int descriptor, const struct termios *modes)
{
    terminal = -1;
    atomic_signal_fence(memory_order_seq_cst);
    if (descriptor < 0) return;
    terminal_modes = *modes;
    atomic_signal_fence(memory_order_seq_cst);
    terminal = descriptor;
}

void cs_leave_to_main(void)
{
    sigset_t set;
    size_t index;
    sigemptyset(&set);
    for (index = 0; index < ENDINGS; index++) sigaddset(&set, endings[index].number);
    pthread_sigmask(SIG_BLOCK, &set, 0);
}
