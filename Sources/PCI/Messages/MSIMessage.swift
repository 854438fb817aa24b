/// A message-signalled interrupt as a device writes it: PCI Local Bus 3.0, 6.8.1; its fields on x86: Intel SDM volume
/// 3A, 11.11.
public struct MSIMessage: Hashable, Sendable {
    public var address: UInt64
    public var data: UInt32

    public init(address: UInt64, data: UInt32) {
        self.address = address
        self.data = data
    }
}
