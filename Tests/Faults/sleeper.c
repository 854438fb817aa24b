// Puts a function that another process holds by VFIO into D3hot, or wakes it, behind that process's back: its memory
// then answers nobody.
//
//   usage: sleeper PROCESS off|on      exit status 0, or 1 with a sentence
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail(const char *what)
{
    fprintf(stderr, "sleeper: %s: %s\n", what, strerror(errno));
    return 1;
}

/// A copy of the device's descriptor in the process; -1 where it has none.
static int device_of(int process)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", process);
    DIR *directory = opendir(path);
    int held = (int)syscall(SYS_pidfd_open, process, 0), device = -1;
    for (struct dirent *entry; directory && held >= 0 && device < 0 && (entry = readdir(directory));) {
        char link[320], target[64];
        snprintf(link, sizeof link, "%s/%s", path, entry->d_name);
        ssize_t length = readlink(link, target, sizeof target - 1);
        if (length < 0)
            continue;
        target[length] = 0;
        if (strcmp(target, "anon_inode:[vfio-device]") == 0)
            device = (int)syscall(SYS_pidfd_getfd, held, atoi(entry->d_name), 0);
    }
    return device;
}

int main(int count, char **words)
{
    if (count != 3)
        return fail("usage: sleeper PROCESS off|on");
    int device = device_of(atoi(words[1]));
    if (device < 0)
        return fail("no device");
    struct vfio_region_info config = {.argsz = sizeof config, .index = VFIO_PCI_CONFIG_REGION_INDEX};
    if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config))
        return fail("VFIO_DEVICE_GET_REGION_INFO");
    // PCI Power Management 1.2, 3.2: the state is in the low bits of the control register, at 4 of the capability 1.
    uint8_t place = 0, capability[2];
    if (pread(device, &place, 1, (off_t)config.offset + 0x34) != 1)
        return fail("the list of capabilities");
    for (int left = 48; place && left; left--) {
        if (pread(device, capability, 2, (off_t)config.offset + place) != 2)
            return fail("a capability");
        if (capability[0] == 1)
            break;
        place = capability[1];
    }
    uint16_t state = strcmp(words[2], "off") == 0 ? 3 : 0;
    if (!place || pwrite(device, &state, 2, (off_t)config.offset + place + 4) != 2)
        return fail("the power state");
    return 0;
}
