public import Boot
public import KVM
public import LinuxSystem

/// The reason why a machine could not be built or its kernel loaded.
public enum MachineError: Error, CustomStringConvertible {
    case kvm(KVMError)
    case system(SystemCallError)
    /// The kernel file can't be opened.
    case noKernel(path: String, cause: SystemCallError)
    /// The file is no kernel that this machine can start.
    case badKernel(path: String, cause: BootError)
    /// The firmware file can't be read.
    case noFirmware(path: String, cause: SystemCallError)
    /// The firmware file is too small, too large, or no whole number of pages.
    case badFirmware(path: String, size: UInt64)
    /// The information for firmware can't be stored in files.
    case firmwareFiles(FirmwareConfig.FileError)
    /// The firmware tables can't describe the machine.
    case noTables(FirmwareTablesError)
    /// Two of the board's devices would answer at the same address.
    case clash(Bus.ClaimError)
    /// The bus has no place for the test device.
    case noTestDevice(PCIHostBridge.PlugError)
    /// The bus has no place for an emulated function.
    case noFunction(name: String, PCIHostBridge.PlugError)
    case tooManyCPUs(asked: Int, limit: Int)
    case badMemorySize(bytes: UInt64, reason: String)
    /// The host has too few huge pages for the guest's memory; the text includes a remedy.
    case hugePages(String)

    public var description: String {
        switch self {
        case .kvm(let error): "\(error)"
        case .system(let error): "\(error)"
        case .noKernel(let path, let cause):
            cause.errno == .noSuchFileOrDirectory
                ? "\(path): there is no such file" : "\(path): can't be read: \(cause.errno)"
        case .badKernel(let path, let cause): "\(path): \(cause)"
        case .noFirmware(let path, let cause):
            cause.errno == .noSuchFileOrDirectory
                ? "\(path): there is no such file" : "\(path): can't be read: \(cause.errno)"
        case .badFirmware(let path, let size):
            "\(path): \(size) bytes are no firmware image: 64 KiB to 16 MiB, in whole pages of 4 KiB, are expected"
        case .firmwareFiles(let error): "\(error)"
        case .noTables(let error): "\(error)"
        case .clash(let error): "the board can't be built: \(error)"
        case .noTestDevice(let error): "the test device can't be had: \(error)"
        case .noFunction(let name, let error): "the \(name) can't be had: \(error)"
        case .tooManyCPUs(let asked, let limit):
            "a machine of \(asked) vCPUs can't be built here: ask for 1 to \(limit)"
        case .badMemorySize(let bytes, let reason): "\(bytes) bytes of memory won't do: \(reason)"
        case .hugePages(let reason): reason
        }
    }
}
