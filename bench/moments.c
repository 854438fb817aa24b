// Runs a command and says when, in seconds from its exec, each text first stood in its standard output: a line each,
// "-" where it never did. The command is killed once all have been seen.
//
//     moments SECONDS TEXT... -- COMMAND...
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAXIMUM = 8, CAPACITY = 8 << 20 };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

int main(int count, char **words)
{
    int texts = 0;
    while (2 + texts < count && strcmp(words[2 + texts], "--")) texts++;
    if (texts < 1 || texts > MAXIMUM || 3 + texts >= count) return 64;
    const double limit = atof(words[1]);
    double seen[MAXIMUM] = {0};
    int ends[2];
    char *output = malloc(CAPACITY);
    if (!output || pipe2(ends, O_CLOEXEC)) return 71;

    const double start = now();
    const pid_t child = fork();
    if (child < 0) return 71;
    if (!child) {
        dup2(ends[1], 1);
        execvp(words[3 + texts], words + 3 + texts);
        _exit(127);
    }
    close(ends[1]);
    size_t length = 0;
    for (bool isOpen = true; isOpen;) {
        const double left = start + limit - now();
        struct pollfd watched = {.fd = ends[0], .events = POLLIN};
        if (left <= 0 || poll(&watched, 1, (int)(left * 1e3) + 1) <= 0) break;
        const ssize_t read_now = read(ends[0], output + length, CAPACITY - length);
        const double time = now() - start;
        isOpen = read_now > 0;
        if (isOpen) length += (size_t)read_now;
        int missing = 0;
        for (int text = 0; text < texts; text++) {
            if (!seen[text] && memmem(output, length, words[2 + text], strlen(words[2 + text]))) seen[text] = time;
            missing += !seen[text];
        }
        if (!missing) break;
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    for (int text = 0; text < texts; text++) {
        if (seen[text]) printf("%.3f\n", seen[text]);
        else printf("-\n");
    }
    return 0;
}
