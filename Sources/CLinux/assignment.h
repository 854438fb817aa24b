/*
 * KVM's own device assignment, Linux 2.6.28 to 4.11: numbers and structures as Documentation/virtual/kvm/api.txt of
 * those kernels gives them. Newer headers no longer have them, hence definitions of our own; the assertions hold them
 * to the kernel's numbers.
 */
#pragma once
#include <stdint.h>
#include <sys/ioctl.h>

struct cl_assigned_pci_dev {
    uint32_t assigned_dev_id;
    uint32_t busnr;
    uint32_t devfn;
    uint32_t flags;
    uint32_t segnr;
    uint32_t reserved[11];
};

struct cl_assigned_irq {
    uint32_t assigned_dev_id;
    uint32_t host_irq; /* ignored since Linux 2.6.31 */
    uint32_t guest_irq;
    uint32_t flags;
    uint32_t reserved[12];
};

struct cl_assigned_msix_nr {
    uint32_t assigned_dev_id;
    uint16_t entry_nr;
    uint16_t padding;
};

struct cl_assigned_msix_entry {
    uint32_t assigned_dev_id;
    uint32_t gsi;
    uint16_t entry;
    uint16_t padding[3];
};

/* The first is numbered as if it answered through its structure; it doesn't, and keeps its number. */
static const unsigned long CL_KVM_ASSIGN_PCI_DEVICE = _IOR(0xAE, 0x69, struct cl_assigned_pci_dev);
static const unsigned long CL_KVM_ASSIGN_DEV_IRQ = _IOW(0xAE, 0x70, struct cl_assigned_irq);
static const unsigned long CL_KVM_DEASSIGN_PCI_DEVICE = _IOW(0xAE, 0x72, struct cl_assigned_pci_dev);
static const unsigned long CL_KVM_ASSIGN_SET_MSIX_NR = _IOW(0xAE, 0x73, struct cl_assigned_msix_nr);
static const unsigned long CL_KVM_ASSIGN_SET_MSIX_ENTRY = _IOW(0xAE, 0x74, struct cl_assigned_msix_entry);
static const unsigned long CL_KVM_DEASSIGN_DEV_IRQ = _IOW(0xAE, 0x75, struct cl_assigned_irq);
static const unsigned long CL_KVM_ASSIGN_SET_INTX_MASK = _IOW(0xAE, 0xA4, struct cl_assigned_pci_dev);

_Static_assert(_IOR(0xAE, 0x69, struct cl_assigned_pci_dev) == 0x8040AE69, "KVM_ASSIGN_PCI_DEVICE");
_Static_assert(_IOW(0xAE, 0x70, struct cl_assigned_irq) == 0x4040AE70, "KVM_ASSIGN_DEV_IRQ");
_Static_assert(_IOW(0xAE, 0x72, struct cl_assigned_pci_dev) == 0x4040AE72, "KVM_DEASSIGN_PCI_DEVICE");
_Static_assert(_IOW(0xAE, 0x73, struct cl_assigned_msix_nr) == 0x4008AE73, "KVM_ASSIGN_SET_MSIX_NR");
_Static_assert(_IOW(0xAE, 0x74, struct cl_assigned_msix_entry) == 0x4010AE74, "KVM_ASSIGN_SET_MSIX_ENTRY");
_Static_assert(_IOW(0xAE, 0x75, struct cl_assigned_irq) == 0x4040AE75, "KVM_DEASSIGN_DEV_IRQ");
_Static_assert(_IOW(0xAE, 0xA4, struct cl_assigned_pci_dev) == 0x4040AEA4, "KVM_ASSIGN_SET_INTX_MASK");
