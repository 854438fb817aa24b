// What makes a relocatable file a kernel's module, without that kernel's headers: tools/linux-module reads the layout
// of its `struct module` from a module that came with it.
//
// MODULE_SIZE, MODULE_NAME, MODULE_INIT: bytes, and where the name and the pointer to the initial function are.
// VERMAGIC: a string.
    .section .gnu.linkonce.this_module, "aw", @progbits
    .balign 64
    .globl __this_module
__this_module:
    .org MODULE_NAME
    .asciz MODULE
    .org MODULE_INIT
    .quad init_module
    .org MODULE_SIZE

    .section .modinfo, "a", @progbits
    .asciz "license=GPL"
    .ascii "name="
    .asciz MODULE
    .asciz "retpoline=Y"
    .ascii "vermagic="
    .asciz VERMAGIC

    .section .note.GNU-stack, "", @progbits
    .text
