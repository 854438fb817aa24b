/// The PCI Express capability's registers and the bits that a passed-through function needs; PCI Express 3.0, section
/// 7.8.
enum ExpressCapability {
    /// Register offsets from the capability's start.
    enum Register {
        static let capabilities = 0x02
        static let deviceCapabilities = 0x04
        static let deviceControl = 0x08
        static let deviceStatus = 0x0A
        static let deviceCapabilities2 = 0x24
        static let deviceControl2 = 0x28
    }

    /// The ends of the device registers and of the second device registers, relative to the capability's start.
    static let deviceEnd = 0x0C
    static let device2End = 0x2A

    /// PCI Express Capabilities; section 7.8.2.
    enum Capabilities {
        static let version: UInt16 = 0x000F
        static let typeShift: UInt16 = 4
        static let type: UInt16 = 0x00F0
        static let endpoint: UInt16 = 0
        static let legacyEndpoint: UInt16 = 1
        static let integratedEndpoint: UInt16 = 9
        /// Types of functions that can be passed through.
        static let endpoints = [endpoint, legacyEndpoint, integratedEndpoint]
    }

    /// Returns the size of the structure of a version; section 7.8, figure 7-10.
    static func length(version: UInt16) -> Int { version >= 2 ? 0x3C : 0x14 }

    /// Device Capabilities; section 7.8.3.
    enum DeviceCapabilities {
        static let functionLevelReset: UInt32 = 1 << 28
    }

    /// Device Control; section 7.8.4.
    enum DeviceControl {
        static let maximumPayload: UInt16 = 0x00E0
        static let maximumReadRequest: UInt16 = 0x7000
        static let initiateReset: UInt16 = 0x8000
        /// The sizes of packets on the path to the device.
        static let packetSizes = maximumPayload | maximumReadRequest
    }

    /// Device Status; section 7.8.5.
    enum DeviceStatus {
        /// The four detected errors, which are cleared by writing one.
        static let errors: UInt16 = 0x000F
    }

    /// Device Control 2; section 7.8.16.
    enum DeviceControl2 {
        static let completionTimeout: UInt16 = 0x000F
        static let completionTimeoutDisable: UInt16 = 0x0010
    }
}

/// The Vital Product Data capability's registers; PCI Local Bus 3.0, appendix I.
enum VitalProductData {
    static let address = 2
    static let data = 4
    static let length = 8
}

/// The Advanced Features capability's registers; PCI-SIG's Engineering Change Notice of 2006.
enum AdvancedFeatures {
    static let lengthAndCapabilities = 2
    static let control = 4
    static let status = 5
    static let length = 6
    static let initiateReset: UInt32 = 0x01
    static let transactionsPending: UInt32 = 0x01
}
