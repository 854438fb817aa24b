/// The lab in which guests drive what was passed to them: six functions, each alone in its IOMMU group, all held by
/// vfio-pci.
enum PassthroughLab {
    static let e1000e = "0000:00:04.0"
    static let e1000 = "0000:00:05.0"
    static let edu = "0000:00:06.0"
    static let nvme = "0000:00:07.0"
    static let virtioNet = "0000:00:08.0"
    /// An e1000e that never sees traffic. Once two of its interrupts came within 128 us, QEMU 7.2 sends each of its
    /// MSI-X messages twice, until QEMU ends: no reset helps, and no claim about how often an interrupt comes holds.
    static let quietE1000e = "0000:00:09.0"

    /// The claims of guests/intx that are about a line, and so can be asked of either device.
    static let lineClaims = [
        "enabled", "disabled", "status-bit", "pending", "msi-and-back", "level-held", "masked-while-asserted",
        "disabled-in-flight", "shared-line",
    ]

    /// The claims of guests/intx that need no DMA.
    static let testFunctionClaims =
        lineClaims + ["masked-msix", "masked-msix-unused", "function-mask", "msix-retarget", "msi-blocked"]

    static let session = LabSession(
        "functions",
        devices: [
            "--nic", "e1000e", "--nic", "e1000", "--pci", "edu", "--pci", "nvme", "--nic", "virtio-net-pci", "--nic",
            "e1000e", "--bind",
        ],
        script: """
            for delivery in signal irqfd; do
                for mode in intx msi msix; do
                    run "nic-$mode-$delivery" nic "irq=$mode" --device "\(e1000e),msi=$delivery"
                done
                memory=128M run "nvme-$delivery" nvme "reads=10000 dma=outside" --device "\(nvme),msi=$delivery"
                # Slots eight apart share a line.
                run "intx-$delivery" intx "require=all dma=outside" \\
                    --device "\(edu),slot=4,msi=$delivery" --device "\(quietE1000e),slot=12,msi=$delivery"
            done
            lines=\(lineClaims.joined(separator: ","))
            run intx-e1000e intx "device=e1000e test=$lines require=$lines" --device \(edu),slot=4 \\
                --device \(quietE1000e),slot=12
            claims=\(testFunctionClaims.joined(separator: ","))
            run intx-test intx "test=$claims require=$claims" --test-function 1 --test-function 9
            run nic-e1000 nic irq=intx --device \(e1000)

            four="--device \(e1000e),slot=4 --device \(e1000),slot=5 --device \(edu),slot=6 --device \(nvme),slot=7"
            run four-e1000e nic "slot=4 irq=msix" $four
            run four-e1000 nic "slot=5 irq=intx" $four
            run four-edu intx "device=edu test=enabled,pending,dma-inside require=all" $four
            memory=256M run four-nvme nvme "slot=7" $four

            run pci pci require=all $four --device \(virtioNet),slot=31
            """)
}
