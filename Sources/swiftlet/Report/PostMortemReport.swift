import Bytes
import PostMortem
import X86

/// The report's form of the post-mortem: docs/report.md.
struct PostMortemReport: Encodable {
    struct Frame: Encodable {
        let address: String
        let symbol: String?
        let certain: Bool
    }

    struct Exit: Encodable {
        let kind: String
        let address: String
        let width: Int
        let value: String
        let secondsBeforeEnd: Double
    }

    struct LocalAPICState: Encodable {
        let enabled: Bool
        let pending: [Int]
        let inService: [Int]
        let taskPriority: Int
    }

    struct ExceptionPlace: Encodable {
        let address: String
        let symbol: String?
        let stackPointer: String
    }

    struct Earlier: Encodable {
        let secondsBeforeEnd: Double?
        let address: String
        let registers: [String]
        let exceptions: [ExceptionPlace]
        let stack: [Frame]
    }

    struct VCPU: Encodable {
        let number: UInt32
        let diagnosis: String
        let activity: String?
        let registers: [String]
        let backtrace: [Frame]
        let samples: [String]
        let localApic: LocalAPICState?
        let exitCount: UInt64
        let exits: [Exit]
        /// The state before a triple fault that lost the registers.
        let earlier: Earlier?
    }

    struct Pin: Encodable {
        let pin: Int
        let vector: Int
        let level: Bool
        let masked: Bool
        let pending: Bool
        let inService: Bool
        let destination: Int
    }

    struct PICState: Encodable {
        let vectors: [Int]
        let requested: [Int]
        let inService: [Int]
        let masked: [Int]
    }

    struct Vector: Encodable {
        let vector: Int
        let masked: Bool
        let pending: Bool
        let guestVector: Int
    }

    struct Device: Encodable {
        let address: String
        let mode: String
        let gsi: UInt32?
        let intxDisabled: Bool
        let functionMasked: Bool
        let vectors: [Vector]
    }

    /// A Linux kernel's log read from memory; null if it was not read.
    struct Log: Encodable {
        let source: String
        let panic: String?
        let lines: [String]
    }

    let text: [String]
    let short: [String]
    let hints: [String]
    let log: Log?
    let vcpus: [VCPU]
    let ioApic: [Pin]
    let pic: PICState?
    let devices: [Device]
    /// The rows of the text screen that are not blank.
    let screen: [String]

    init(_ examined: PostMortem) {
        text = examined.lines
        short = examined.shortLines
        hints = examined.hints
        log = examined.log.map { Log(source: $0.source.rawValue, panic: $0.panic, lines: $0.lines) }
        screen = examined.screen?.lines ?? []
        vcpus = zip(examined.vcpus, examined.diagnosis).map { vcpu, words in
            VCPU(
                number: vcpu.number, diagnosis: words, activity: vcpu.activity.map(Self.word),
                registers: vcpu.registerLines,
                backtrace: vcpu.backtrace.map {
                    Frame(address: $0.address.hexadecimal, symbol: $0.symbol, certain: $0.isCertain)
                },
                samples: vcpu.samples.map { $0.address.hexadecimal },
                localApic: vcpu.apic.map {
                    LocalAPICState(
                        enabled: $0.isEnabled, pending: $0.requested, inService: $0.inService,
                        taskPriority: $0.taskPriority)
                }, exitCount: vcpu.exitCount,
                exits: vcpu.trail.map {
                    Exit(
                        kind: $0.kind, address: $0.address.hexadecimal, width: $0.width, value: $0.value.hexadecimal,
                        secondsBeforeEnd: $0.age)
                }, earlier: vcpu.earlier.map(Self.earlier))
        }
        ioApic = (examined.ioapic?.pins ?? []).map {
            Pin(
                pin: $0.number, vector: $0.vector, level: $0.isLevel, masked: $0.isMasked, pending: $0.isRequested,
                inService: $0.isInService,
                destination: $0.destination)
        }
        pic = examined.pic.map {
            PICState(vectors: $0.vectors, requested: $0.requested, inService: $0.inService, masked: $0.masked)
        }
        devices = examined.devices.map { device in
            Device(
                address: device.address, mode: device.mode, gsi: device.gsi, intxDisabled: device.isINTxDisabled,
                functionMasked: device.isFunctionMasked,
                vectors: device.vectors.map {
                    Vector(vector: $0.number, masked: $0.isMasked, pending: $0.isPending, guestVector: $0.guestVector)
                })
        }
    }

    private static func earlier(_ state: EarlierState) -> Earlier {
        Earlier(
            secondsBeforeEnd: state.age, address: state.registers.instruction.hexadecimal,
            registers: state.registerLines,
            exceptions: state.exceptions.map {
                ExceptionPlace(
                    address: $0.instruction.hexadecimal, symbol: $0.symbol, stackPointer: $0.stackPointer.hexadecimal)
            },
            stack: state.stack.map { Frame(address: $0.address.hexadecimal, symbol: $0.symbol, certain: $0.isCertain) })
    }

    private static func word(_ activity: ProcessorActivity) -> String {
        switch activity {
        case .runnable: "runnable"
        case .uninitialized: "uninitialized"
        case .initReceived: "init-received"
        case .halted: "halted"
        case .sipiReceived: "sipi-received"
        }
    }
}
