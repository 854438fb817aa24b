// Runs a command so many times, so many at a time, each in a process of its own, with nothing on its standard input and
// its output thrown away. The last word is `n=1`, `n=2` and so on. Exit status: 0 where each run ended with 0.
//
//     series COUNT JOBS COMMAND...
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(int count, char **words)
{
    const int boots = count > 3 ? atoi(words[1]) : 0, jobs = count > 3 ? atoi(words[2]) : 0;
    if (boots < 1 || jobs < 1) return 64;
    char number[16], **command = calloc((size_t)count + 1, sizeof *command);
    posix_spawn_file_actions_t actions;
    if (!command || posix_spawn_file_actions_init(&actions)) return 71;
    for (int i = 3; i < count; i++) command[i - 3] = words[i];
    command[count - 3] = number;
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    for (int started = 0, ended = 0; ended < boots;) {
        if (started < boots && started - ended < jobs) {
            pid_t child;
            snprintf(number, sizeof number, "n=%d", ++started);
            if (posix_spawn(&child, command[0], &actions, NULL, command, environ)) return 71;
            continue;
        }
        int status;
        if (wait(&status) < 0 || status) return 1;
        ended++;
    }
    return 0;
}
