#include "legacy_pic.h"

#include "interrupts.h"
#include "port.h"

// Intel 8259A datasheet, initialization command words 1 to 4.
enum {
    MASTER = 0x20, SLAVE = 0xa0, BEGIN_WITH_ICW4 = 0x11, SLAVE_ON_INPUT_2 = 0x04, SLAVE_ID = 0x02, MODE_8086 = 0x01,
    ALL = 0xff,
};

void legacy_pic_mask(void)
{
    port_write8(MASTER, BEGIN_WITH_ICW4);
    port_write8(SLAVE, BEGIN_WITH_ICW4);
    port_write8(MASTER + 1, VECTOR_LEGACY);
    port_write8(SLAVE + 1, VECTOR_LEGACY + 8);
    port_write8(MASTER + 1, SLAVE_ON_INPUT_2);
    port_write8(SLAVE + 1, SLAVE_ID);
    port_write8(MASTER + 1, MODE_8086);
    port_write8(SLAVE + 1, MODE_8086);
    port_write8(MASTER + 1, ALL);
    port_write8(SLAVE + 1, ALL);
}
