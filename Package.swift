// swift-tools-version: 6.2
import PackageDescription

/// Every room: Swift 6 mode.
let room: [SwiftSetting] = [.swiftLanguageMode(.v6), .enableUpcomingFeature("InternalImportsByDefault")]

/// Pure rooms make no system call and touch no raw memory; the compiler holds them to the second.
let pure: [SwiftSetting] = room + [.strictMemorySafety(), .treatAllWarnings(as: .error)]

let package = Package(
    name: "swiftlet",
    products: [.executable(name: "swiftlet", targets: ["swiftlet"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
    ],
    targets: [
        .systemLibrary(name: "CLinux"),
        .target(name: "CArguments"),
        .target(name: "CSignals"),
        .target(name: "CVersion"),
        .target(name: "Bytes", swiftSettings: pure),
        .target(name: "PCI", dependencies: ["Bytes"], swiftSettings: pure),
        .systemLibrary(name: "CPCI", pkgConfig: "libpci", providers: [.apt(["libpci-dev"])]),
        .target(
            name: "LinuxSystem",
            dependencies: ["Bytes", "CLinux", "CSignals", .product(name: "SystemPackage", package: "swift-system")],
            swiftSettings: room),
        .target(name: "KVM", dependencies: ["LinuxSystem", "PCI"], swiftSettings: room),
        .target(name: "VFIO", dependencies: ["LinuxSystem"], swiftSettings: room),
        .target(name: "Boot", dependencies: ["Bytes"], swiftSettings: pure),
        .target(name: "Scripting", dependencies: ["Bytes"], swiftSettings: pure),
        .target(name: "X86", dependencies: ["Bytes"], swiftSettings: pure),
        .target(name: "PostMortem", dependencies: ["Bytes", "X86"], swiftSettings: pure),
        .target(name: "HostDevices", dependencies: ["Bytes", "CPCI", "LinuxSystem", "PCI"], swiftSettings: room),
        .target(name: "VMM", dependencies: ["Bytes", "X86", "KVM", "PCI", "Boot", "PostMortem"], swiftSettings: room),
        .target(
            name: "Assignment", dependencies: ["Bytes", "X86", "HostDevices", "VMM", "VFIO", "PostMortem"],
            swiftSettings: room),
        .target(name: "HostSystem", dependencies: ["Bytes", "CLinux", "LinuxSystem"], swiftSettings: room),
        .target(name: "Lab", dependencies: ["HostSystem", "LinuxSystem"], swiftSettings: room),
        .executableTarget(
            name: "swiftlet",
            dependencies: [
                "Bytes", "CArguments", "CVersion", "HostDevices", "VMM", "Assignment", "Scripting", "PostMortem", "Lab",
                "X86",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: room),
        .target(
            name: "TestSupport", dependencies: ["Bytes", "HostDevices", "HostSystem", "LinuxSystem", "PCI", "X86"],
            path: "Tests/TestSupport",
            swiftSettings: room),
        .testTarget(name: "BytesTests", dependencies: ["Bytes"], swiftSettings: room),
        .testTarget(name: "PCITests", dependencies: ["PCI", "TestSupport"], swiftSettings: room),
        .testTarget(name: "BootTests", dependencies: ["Boot", "Bytes", "TestSupport"], swiftSettings: room),
        .testTarget(name: "ScriptingTests", dependencies: ["Scripting", "TestSupport"], swiftSettings: room),
        .testTarget(name: "X86Tests", dependencies: ["TestSupport", "X86"], swiftSettings: room),
        .testTarget(name: "PostMortemTests", dependencies: ["PostMortem", "TestSupport", "X86"], swiftSettings: room),
        .testTarget(
            name: "LinuxSystemTests", dependencies: ["KVM", "LinuxSystem", "PCI", "TestSupport"], swiftSettings: room),
        .testTarget(name: "KVMTests", dependencies: ["KVM", "PCI", "TestSupport"], swiftSettings: room),
        .testTarget(name: "HostDevicesTests", dependencies: ["HostDevices", "TestSupport"], swiftSettings: room),
        .testTarget(
            name: "VMMTests", dependencies: ["Bytes", "VMM", "KVM", "LinuxSystem", "PCI", "TestSupport"],
            swiftSettings: room),
        .testTarget(
            name: "AssignmentTests", dependencies: ["Assignment", "Bytes", "HostDevices", "TestSupport"],
            exclude: ["Legacy/Recordings"], swiftSettings: room),
        .testTarget(name: "HostSystemTests", dependencies: ["HostSystem", "TestSupport"], swiftSettings: room),
        .testTarget(
            name: "LabTests", dependencies: ["HostSystem", "Lab", "LinuxSystem", "TestSupport"], swiftSettings: room),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "swiftlet", "Bytes", "KVM", "Lab", "LinuxSystem", "TestSupport", "VMM",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: room),
        .testTarget(name: "PassthroughTests", dependencies: ["LinuxSystem"], swiftSettings: room),
    ]
)
