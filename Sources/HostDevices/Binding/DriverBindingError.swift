public import LinuxSystem
public import PCI

/// The reason why a function could not be bound to another driver. Reads as one sentence with a remedy.
public enum DriverBindingError: Error, Equatable {
    /// No function has the address.
    case notFound(PCIAddress)
    /// The function is a bridge, which connects the host's buses.
    case isBridge(PCIAddress)
    /// Its class is a bridge's, as of the host bridge and the ISA bridge, but its header is a device's.
    case isPartOfHost(PCIAddress)
    /// The driver's module is not loaded.
    case driverIsNotLoaded(String)
    /// The host uses the function right now.
    case isInUse(PCIAddress, DeviceUse)
    /// The user may not write to a file of sysfs or of /run.
    case isNotPermitted(SystemCallError)
    /// The kernel refused a step.
    case failed(PCIAddress, SystemCallError)
    /// Every step succeeded, but another driver (nil: none) has the function in the end.
    case wasNotTaken(PCIAddress, by: String, has: String?, hasIOMMUGroup: Bool)
    /// The first error, and the function that could not be restored after it.
    indirect case couldNotBePutBack(DriverBindingError, after: DriverBindingError)
}

extension DriverBindingError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notFound(let address): "there is no PCI function \(address) on this host; swiftlet devices lists them"
        case .isBridge(let address): "\(address) is a bridge, and bridges stay with the host"
        case .isPartOfHost(let address):
            "\(address) is a bridge, and bridges stay with the host; --force takes it all the same"
        case .driverIsNotLoaded(let driver): "the driver \(driver) is not loaded; modprobe \(driver)"
        case .isInUse(let address, let use): "\(address) is in use: \(use); \(use.fix), or use --force"
        case .isNotPermitted(let error) where error.errno == .readOnlyFileSystem:
            "a device's driver can't be changed here (\(error)); in a container, run the same on its host"
        case .isNotPermitted(let error): "changing a device's driver takes root (\(error)); run the same with sudo"
        case .failed(let address, let error):
            "the kernel refused to move \(address) to another driver (\(error)); dmesg may say why"
        case .wasNotTaken(let address, by: "vfio-pci", has: nil, hasIOMMUGroup: false):
            """
            vfio-pci did not take \(address), which has no IOMMU group; swiftlet devices doctor \(address) says \
            how to switch the IOMMU on
            """
        case .wasNotTaken(let address, let driver, let has, _):
            """
            \(driver) did not take \(address), which is now with \(has.map { "the driver \($0)" } ?? "no driver"); \
            dmesg may say why
            """
        case .couldNotBePutBack(let error, let first): "\(first); and after that, putting things back failed: \(error)"
        }
    }
}
