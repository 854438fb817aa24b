/*
 * libpci for Swift. Left to itself libpci ends the process on an error (and wants the error callback not to return),
 * prints its warnings, and looks names up with a variadic call. Each function here makes one libpci call and answers
 * instead.
 *
 * How an error gets out: the callback longjmps to the wrapper that made the call, so the jump never leaves C: between
 * the setjmp and the callback lie only frames of libpci. What libpci held at that moment (a file, a block of memory)
 * leaks, once an error. Each wrapper installs the callback anew, since static functions and thread-local variables
 * exist once a Swift file.
 */
#pragma once
#include <pci/pci.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#pragma clang assume_nonnull begin

/* Room for the text of an error; every `failure` argument points at this many bytes. Empty after success. */
enum { CPCI_FAILURE_BYTES = 256 };

/* A function that calls setjmp must not be inlined into Swift. */
#define CPCI_FUNCTION static __attribute__((noinline, unused))

struct cpci_guard {
    jmp_buf where;
    char text[CPCI_FAILURE_BYTES];
};

CPCI_FUNCTION struct cpci_guard *cpci_guard(void)
{
    static _Thread_local struct cpci_guard guard;
    return &guard;
}

CPCI_FUNCTION __attribute__((noreturn)) void cpci_fail(char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cpci_guard()->text, CPCI_FAILURE_BYTES, format, arguments);
    va_end(arguments);
    longjmp(cpci_guard()->where, 1);
}

CPCI_FUNCTION void cpci_silence(char *format, ...) { (void)format; }

#define CPCI_GUARDED(access, failure, on_failure)                    \
    (access)->error = cpci_fail;                                     \
    (access)->warning = cpci_silence;                                \
    (access)->debug = cpci_silence;                                  \
    (failure)[0] = 0;                                                \
    if (setjmp(cpci_guard()->where)) {                               \
        memcpy((failure), cpci_guard()->text, CPCI_FAILURE_BYTES);   \
        return on_failure;                                           \
    }

/* Opens the inventory under a directory shaped as /sys/bus/pci; names come from the file `ids`. Null and a text on
 * failure. */
CPCI_FUNCTION struct pci_access *_Nullable cpci_open(const char *path, const char *ids, char *failure)
{
    struct pci_access *access = pci_alloc();
    CPCI_GUARDED(access, failure, 0)
    access->method = PCI_ACCESS_SYS_BUS_PCI;
    access->id_lookup_mode = 0; /* the file alone decides: no cache in the home directory, no DNS */
    char *name = strdup(ids);
    if (name)
        pci_set_name_list_path(access, name, 1);
    pci_set_param(access, "sysfs.path", (char *)path); /* libpci copies it */
    pci_init(access);
    return access;
}

CPCI_FUNCTION void cpci_close(struct pci_access *access)
{
    char ignored[CPCI_FAILURE_BYTES];
    CPCI_GUARDED(access, ignored, )
    pci_cleanup(access);
}

/* Reads the list of functions into access->devices. */
CPCI_FUNCTION void cpci_scan(struct pci_access *access, char *failure)
{
    CPCI_GUARDED(access, failure, )
    pci_scan_bus(access);
}

/* Fills in what PCI_FILL_... asks for. */
CPCI_FUNCTION void cpci_fill(struct pci_dev *device, int fields, char *failure)
{
    CPCI_GUARDED(device->access, failure, )
    pci_fill_info(device, fields);
}

/* Reads 1, 2 or 4 bytes of config space, aligned; all ones where they can't be read. */
CPCI_FUNCTION uint32_t cpci_read(struct pci_dev *device, int offset, int bytes)
{
    char ignored[CPCI_FAILURE_BYTES];
    CPCI_GUARDED(device->access, ignored, ~0u)
    switch (bytes) {
    case 1: return pci_read_byte(device, offset);
    case 2: return pci_read_word(device, offset);
    default: return pci_read_long(device, offset);
    }
}

/* The text that PCI_FILL_DRIVER or PCI_FILL_IOMMU_GROUP found, null if none. Lives as long as the device. */
CPCI_FUNCTION const char *_Nullable cpci_property(struct pci_dev *device, unsigned property)
{
    char ignored[CPCI_FAILURE_BYTES];
    CPCI_GUARDED(device->access, ignored, 0)
    return pci_get_string_property(device, property);
}

/*
 * The name that pci.ids has for one to four numbers (PCI_LOOKUP_...: which). Null where it has none or is missing
 * itself. The result points into `buffer` or into libpci's table.
 */
CPCI_FUNCTION const char *_Nullable cpci_name(
    struct pci_access *access, char *buffer, int size, int kind, int a, int b, int c, int d)
{
    char ignored[CPCI_FAILURE_BYTES];
    CPCI_GUARDED(access, ignored, 0)
    return pci_lookup_name(access, buffer, size, kind | PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB, a, b, c, d);
}

#pragma clang assume_nonnull end
