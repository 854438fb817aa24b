/* ioctl numbers: the kernel's _IO macros do not import into Swift, constants do. */
#pragma once
#include <linux/kvm.h>
#include <linux/vfio.h>

static const unsigned long CL_KVM_GET_API_VERSION = KVM_GET_API_VERSION;
static const unsigned long CL_KVM_CREATE_VM = KVM_CREATE_VM;
static const unsigned long CL_KVM_CHECK_EXTENSION = KVM_CHECK_EXTENSION;
static const unsigned long CL_KVM_GET_VCPU_MMAP_SIZE = KVM_GET_VCPU_MMAP_SIZE;
static const unsigned long CL_KVM_GET_SUPPORTED_CPUID = KVM_GET_SUPPORTED_CPUID;
static const unsigned long CL_KVM_CREATE_VCPU = KVM_CREATE_VCPU;
static const unsigned long CL_KVM_SET_USER_MEMORY_REGION = KVM_SET_USER_MEMORY_REGION;
static const unsigned long CL_KVM_SET_TSS_ADDR = KVM_SET_TSS_ADDR;
static const unsigned long CL_KVM_SET_IDENTITY_MAP_ADDR = KVM_SET_IDENTITY_MAP_ADDR;
static const unsigned long CL_KVM_CREATE_IRQCHIP = KVM_CREATE_IRQCHIP;
static const unsigned long CL_KVM_CREATE_PIT2 = KVM_CREATE_PIT2;
static const unsigned long CL_KVM_GET_PIT2 = KVM_GET_PIT2;
static const unsigned long CL_KVM_SET_PIT2 = KVM_SET_PIT2;
static const unsigned long CL_KVM_IRQ_LINE = KVM_IRQ_LINE;
static const unsigned long CL_KVM_GET_IRQCHIP = KVM_GET_IRQCHIP;
static const unsigned long CL_KVM_SET_IRQCHIP = KVM_SET_IRQCHIP;
static const unsigned long CL_KVM_SET_GSI_ROUTING = KVM_SET_GSI_ROUTING;
static const unsigned long CL_KVM_IRQFD = KVM_IRQFD;
static const unsigned long CL_KVM_IOEVENTFD = KVM_IOEVENTFD;
static const unsigned long CL_KVM_SIGNAL_MSI = KVM_SIGNAL_MSI;
static const unsigned long CL_KVM_CREATE_DEVICE = KVM_CREATE_DEVICE;
static const unsigned long CL_KVM_SET_DEVICE_ATTR = KVM_SET_DEVICE_ATTR;
static const unsigned long CL_KVM_GET_DEVICE_ATTR = KVM_GET_DEVICE_ATTR;
static const unsigned long CL_KVM_HAS_DEVICE_ATTR = KVM_HAS_DEVICE_ATTR;
static const unsigned long CL_KVM_GET_REGS = KVM_GET_REGS;
static const unsigned long CL_KVM_SET_REGS = KVM_SET_REGS;
static const unsigned long CL_KVM_GET_SREGS = KVM_GET_SREGS;
static const unsigned long CL_KVM_SET_SREGS = KVM_SET_SREGS;
static const unsigned long CL_KVM_SET_CPUID2 = KVM_SET_CPUID2;
static const unsigned long CL_KVM_GET_MSRS = KVM_GET_MSRS;
static const unsigned long CL_KVM_SET_MSRS = KVM_SET_MSRS;
static const unsigned long CL_KVM_GET_MP_STATE = KVM_GET_MP_STATE;
static const unsigned long CL_KVM_SET_MP_STATE = KVM_SET_MP_STATE;
static const unsigned long CL_KVM_GET_LAPIC = KVM_GET_LAPIC;
static const unsigned long CL_KVM_SET_LAPIC = KVM_SET_LAPIC;
static const unsigned long CL_KVM_SET_SIGNAL_MASK = KVM_SET_SIGNAL_MASK;
static const unsigned long CL_KVM_GET_VCPU_EVENTS = KVM_GET_VCPU_EVENTS;
static const unsigned long CL_KVM_NMI = KVM_NMI;
static const unsigned long CL_KVM_RUN = KVM_RUN;
static const unsigned long CL_KVM_ENABLE_CAP = KVM_ENABLE_CAP;
static const unsigned long CL_KVM_GET_FPU = KVM_GET_FPU;
static const unsigned long CL_KVM_GET_CLOCK = KVM_GET_CLOCK;
static const unsigned long CL_KVM_SET_CLOCK = KVM_SET_CLOCK;

static const unsigned long CL_VFIO_GET_API_VERSION = VFIO_GET_API_VERSION;
static const unsigned long CL_VFIO_CHECK_EXTENSION = VFIO_CHECK_EXTENSION;
static const unsigned long CL_VFIO_SET_IOMMU = VFIO_SET_IOMMU;
static const unsigned long CL_VFIO_GROUP_GET_STATUS = VFIO_GROUP_GET_STATUS;
static const unsigned long CL_VFIO_GROUP_SET_CONTAINER = VFIO_GROUP_SET_CONTAINER;
static const unsigned long CL_VFIO_GROUP_GET_DEVICE_FD = VFIO_GROUP_GET_DEVICE_FD;
static const unsigned long CL_VFIO_DEVICE_GET_INFO = VFIO_DEVICE_GET_INFO;
static const unsigned long CL_VFIO_DEVICE_GET_REGION_INFO = VFIO_DEVICE_GET_REGION_INFO;
static const unsigned long CL_VFIO_DEVICE_GET_IRQ_INFO = VFIO_DEVICE_GET_IRQ_INFO;
static const unsigned long CL_VFIO_DEVICE_SET_IRQS = VFIO_DEVICE_SET_IRQS;
static const unsigned long CL_VFIO_DEVICE_RESET = VFIO_DEVICE_RESET;
static const unsigned long CL_VFIO_IOMMU_GET_INFO = VFIO_IOMMU_GET_INFO;
static const unsigned long CL_VFIO_IOMMU_MAP_DMA = VFIO_IOMMU_MAP_DMA;
static const unsigned long CL_VFIO_IOMMU_UNMAP_DMA = VFIO_IOMMU_UNMAP_DMA;
