/*
 * How a process is ended from outside, from its first instructions on: by signals, and by a time limit.
 *
 * Handlers, and not a signalfd(2): a call that waits for a FIFO's other end is interrupted, and a process that doesn't
 * come to its end is ended by the handler itself, a bounded time after the request. What a handler calls is in the list
 * of signal-safety(7). In C, because Swift does not say which of its code may run in a handler.
 *
 * The state is the process's, as signals are. Functions that don't say otherwise are for the main thread.
 */
#pragma once
#include <stddef.h>
#include <termios.h>

/* What the main thread is in the middle of, for the last sentence. */
enum {
    CS_NOTHING,
    CS_OPENING,
    CS_READING,
    CS_WRITING,
    CS_WAITING_FOR,
};

/* The value of cs_cause for the time limit. */
#define CS_LIMIT (-1)

/*
 * Begins: a signal that asks the process to end now ends it with 128 + N and a sentence on standard error. A signal
 * that was ignored when the program was started stays ignored, as nohup(1) wants; one that was blocked is let through.
 * SIGXFSZ is ignored, so that a write beyond the limit on a file's size fails with EFBIG.
 */
void cs_begin(void);

/* Opens now what the last sentence is written to: from here on a process that ends opens nothing. */
void cs_open_errors(void);

/* Who speaks the last sentence, as "swiftlet lab". A constant string. */
void cs_set_speaker(const char *speaker);

/*
 * From here on a request to end is noted and the caller ends by itself; where it hasn't after a grace period, the
 * handler ends it: 0.8 s after a signal, 1 s after the time limit. Blocking calls return EINTR, every 50 ms once more
 * until the end. Answers a descriptor that becomes readable when a request comes, or -errno. May be called again.
 */
int cs_listen(void);

/* Takes the request that came last: a signal's number, CS_LIMIT, or 0 where none came since. From any thread. */
int cs_take(void);

/* Why the process ends: the number of the first signal, CS_LIMIT, or 0. From any thread. */
int cs_cause(void);

/* Nanoseconds since the cause came; 0 without one. From any thread. */
unsigned long long cs_since_cause(void);

/* The moment of cs_begin on the monotonic clock, in nanoseconds; 0 before it. From any thread. */
unsigned long long cs_beginning(void);

/*
 * The process ends `nanoseconds` after cs_begin, with this status. `words` is the limit as people read it, up to 31
 * bytes; it is copied. Answers 0, or the errno of setitimer(2).
 */
int cs_set_limit(unsigned long long nanoseconds, const char *words, int status);

/* From here on no time counts towards the limit, until cs_release_limit. For the main thread. */
void cs_hold_limit(void);

/* The time since cs_hold_limit is added to the limit. Answers 0, or the errno of setitimer(2). For the main thread. */
int cs_release_limit(void);

/*
 * The main thread has come to its next step. After the time limit its grace period begins anew, up to 10 s after the
 * limit. After a signal the step has 0.4 s, up to 2 s after the signal: that changes nothing but on a slow host, which
 * takes longer than 0.8 s to tell what it has to tell.
 */
void cs_prolong(void);

/* What the process is about, as "loading the kernel". A constant string. */
void cs_set_phase(const char *phase);

/* Says what the main thread waits for; copied, up to 255 bytes. CS_NOTHING where it no longer does. Other threads'
 * calls are passed over. */
void cs_set_activity(int activity, const char *object);

/* The call of the present activity is given up because the process is to end: the sentence is about this one from now
 * on. */
void cs_keep_activity(void);

/* Whether a call was given up so. */
int cs_is_interrupted(void);

/* The last sentence without its speaker and line end, zero-terminated; empty without a cause. Answers its length. */
size_t cs_sentence(char *buffer, size_t size);

/* The name of a signal as the sentence has it; NULL where it is none of these. */
const char *cs_name(int signal);

/* This terminal is to have these modes again when the handler ends the process; -1 for none. */
void cs_set_terminal(int descriptor, const struct termios *modes);

/* Puts a terminal's modes back, where this process is in its foreground. From any thread. */
void cs_restore_terminal(int descriptor, const struct termios *modes);

/* Leaves all these signals to the main thread; for every other thread, at its start. */
void cs_leave_to_main(void);
