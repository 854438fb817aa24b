#include "edu.h"

#include "bar.h"
#include "clock.h"
#include "console.h"
#include "mmio.h"

enum { RUN = 1 << 0, FROM_DEVICE = 1 << 1 };
enum { TRANSFER_LIMIT = 5000000 };

uint32_t edu_read(const struct edu *edu, unsigned offset) { return mmio_read32(edu->registers + offset); }
void edu_write(const struct edu *edu, unsigned offset, uint32_t value) { mmio_write32(edu->registers + offset, value); }

bool edu_open(struct edu *edu, unsigned slot)
{
    if (!pci_find(EDU_VENDOR, EDU_DEVICE, slot, &edu->function))
        return false;
    edu->registers = bar_map(edu->function, 0);
    if (!edu->registers)
        return false;
    pci_command(edu->function, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0);
    uint32_t identification = edu_read(edu, EDU_ID);
    if (identification != EDU_IDENTIFICATION) {
        say("edu's identification reads 0x%x", identification);
        return false;
    }
    return true;
}

static bool is_idle(void *context) { return !(edu_read(context, EDU_DMA_COMMAND) & RUN); }

static bool transfer(const struct edu *edu, uint32_t source, uint32_t destination, uint32_t count, uint32_t command)
{
    edu_write(edu, EDU_DMA_SOURCE, source);
    edu_write(edu, EDU_DMA_DESTINATION, destination);
    edu_write(edu, EDU_DMA_COUNT, count);
    edu_write(edu, EDU_DMA_COMMAND, command | RUN);
    return clock_wait(is_idle, (void *)edu, TRANSFER_LIMIT);
}

bool edu_copy_in(const struct edu *edu, uint32_t from, uint32_t count) {
    return transfer(edu, from, EDU_BUFFER, count, 0);
}
bool edu_copy_out(const struct edu *edu, uint32_t to, uint32_t count) {
    return transfer(edu, EDU_BUFFER, to, count, FROM_DEVICE);
}
