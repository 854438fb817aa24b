#pragma once
#include <stdbool.h>
#include <stdint.h>

/// What a check found.
enum verdict { CLAIM_HOLDS, CLAIM_FAILS, CLAIM_SKIPPED };

/// A sentence about the machine that a guest checks.
struct claim {
    const char *name;
    enum verdict (*check)(void);
    bool on_request;            ///< runs only when `test=` names it
};

/// Checks the claims that `test=NAME[,NAME...]` selects, all by default, and prints a line for each: `NAME ok`, `NAME
/// FAIL why` or `NAME skipped: why`. A skipped one that `require=NAME[,NAME...]` names (or `require=all`) fails.
/// `prepare`, where there is one, runs before each check. The last line is `N/N PASS` or `N/M FAIL`; the result is the
/// guest's exit value.
uint8_t claims_run(const struct claim *claims, unsigned count, void (*prepare)(void));

/// Prints the line of the claim being checked and returns the verdict to hand on. A claim that merely returns
/// `CLAIM_HOLDS` gets its line from `claims_run`.
enum verdict claim_holds(const char *format, ...) __attribute__((format(printf, 1, 2)));
enum verdict claim_fails(const char *format, ...) __attribute__((format(printf, 1, 2)));
enum verdict claim_skipped(const char *format, ...) __attribute__((format(printf, 1, 2)));
