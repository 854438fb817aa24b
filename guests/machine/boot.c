#include "boot.h"

#include <stdbool.h>
#include <stddef.h>

#include "console.h"
#include "ending.h"
#include "legacy_pic.h"

enum { LOADER_PVH = 0, LOADER_MULTIBOOT = 1, TYPE_RAM = 1, MEBIBYTE = 1 << 20 };

// Xen's public/arch-x86/hvm/start_info.h, version 1.
struct start_info {
    uint32_t magic, version, flags, module_count;
    uint64_t module_list, command_line, rsdp, memory_map;
    uint32_t memory_map_entries, reserved;
};
struct module_entry {
    uint64_t address, size, command_line, reserved;
};
struct memory_map_entry {
    uint64_t address, size;
    uint32_t type, reserved;
};
enum { START_INFO_MAGIC = 0x336ec578 };

// Multiboot 0.6.96, 3.3.
struct multiboot_info {
    uint32_t flags, memory_lower, memory_upper, boot_device, command_line, module_count, modules;
    uint32_t symbols[4];
    uint32_t memory_map_length, memory_map;
};
struct __attribute__((packed)) multiboot_memory {
    uint32_t size;              // of what follows
    uint64_t address, length;
    uint32_t type;
};
struct multiboot_module {
    uint32_t start, end, string, reserved;
};
enum { HAS_MEMORY = 1 << 0, HAS_COMMAND_LINE = 1 << 2, HAS_MODULES = 1 << 3, HAS_MEMORY_MAP = 1 << 6 };

struct boot boot;
static char command_line[1024];

static void copy_command_line(uint64_t address)
{
    const char *text = (const char *)address;
    for (size_t i = 0; address && text[i] && i < sizeof command_line - 1; i++)
        command_line[i] = text[i];
    boot.command_line = command_line;
}

static void add_memory(uint64_t address, uint64_t size, uint32_t type)
{
    if (type != TYPE_RAM)
        return;
    boot.ram_kib += size >> 10;
    if (address <= MEBIBYTE && address + size > boot.ram_end)
        boot.ram_end = address + size;
}

static void add_module(uint64_t start, uint64_t size, uint64_t string)
{
    if (boot.module_count == BOOT_MODULES_MAX)
        return;
    struct boot_module *module = &boot.modules[boot.module_count++];
    module->start = start;
    module->size = size;
    module->string = string ? (const char *)string : "";
}

static void read_start_info(const struct start_info *info)
{
    copy_command_line(info->command_line);
    const struct memory_map_entry *map = (const void *)info->memory_map;
    for (uint32_t i = 0; info->version >= 1 && map && i < info->memory_map_entries; i++)
        add_memory(map[i].address, map[i].size, map[i].type);
    const struct module_entry *modules = (const void *)info->module_list;
    for (uint32_t i = 0; i < info->module_count; i++)
        add_module(modules[i].address, modules[i].size, modules[i].command_line);
}

static void read_multiboot_info(const struct multiboot_info *info)
{
    copy_command_line(info->flags & HAS_COMMAND_LINE ? info->command_line : 0);
    const struct multiboot_module *modules = (const void *)(uint64_t)info->modules;
    for (uint32_t i = 0; info->flags & HAS_MODULES && i < info->module_count; i++)
        add_module(modules[i].start, modules[i].end - modules[i].start, modules[i].string);
    if (info->flags & HAS_MEMORY_MAP) {
        uint64_t position = info->memory_map, end = position + info->memory_map_length;
        while (position < end) {
            const struct multiboot_memory *entry = (const void *)position;
            add_memory(entry->address, entry->length, entry->type);
            position += entry->size + sizeof entry->size;
        }
    } else if (info->flags & HAS_MEMORY) {
        add_memory(0, (uint64_t)info->memory_lower << 10, TYPE_RAM);
        add_memory(MEBIBYTE, (uint64_t)info->memory_upper << 10, TYPE_RAM);
    }
}

_Noreturn void guest_start(uint64_t info, uint32_t loader)
{
    // Firmware leaves the PIC with its timer coming at vector 8.
    legacy_pic_mask();
    console_open(guest_name_text);
    copy_command_line(0);
    if (loader == LOADER_MULTIBOOT)
        read_multiboot_info((const void *)info);
    else if (((const struct start_info *)info)->magic == START_INFO_MAGIC)
        read_start_info((const void *)info);
    else
        say("the loader's start info has no magic number");
    exit_with(guest_main());
}
