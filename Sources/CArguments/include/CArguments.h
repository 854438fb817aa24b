/*
 * The program's arguments as execve(2) gave them. Swift's CommandLine looks for them through /proc/self: where that
 * can't be opened, with no descriptor left or no /proc, it finds none, and a run would become a call without arguments.
 */
#pragma once

/* How many there are, the program's own name among them. */
int ca_count(void);

/* One of them, NUL-terminated; NULL beyond the last. The kernel's own bytes, valid as long as the program. */
const char *ca_argument(int index);
