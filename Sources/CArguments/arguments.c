#include "CArguments.h"
#include <stdlib.h>
#include <unistd.h>

static int count;
static char **arguments;

/* glibc hands argc, argv and envp to every function of .init_array (csu/libc-start.c, elf/dl-init.c), in static
 * programs too. */
__attribute__((constructor(101))) static void keep(int argc, char **argv, char **envp)
{
    (void)envp;
    count = argc;
    arguments = argv;
    /* Swift's runtime asks /proc/self/exe where it lies and aborts without an answer, before main; SWIFT_ROOT is its
     * other source. */
    char byte;
    if (readlink("/proc/self/exe", &byte, 1) < 0) setenv("SWIFT_ROOT", "/", 0);
}

int ca_count(void) { return count; }

const char *ca_argument(int index) { return index >= 0 && index < count ? arguments[index] : NULL; }
