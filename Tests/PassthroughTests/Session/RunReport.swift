import Foundation

/// The report of `--report json:`, as docs/report.md describes it.
struct RunReport: Decodable, Sendable {
    struct Counts: Decodable, Sendable, Equatable {
        let delivered, blocked, failed, held: UInt64
    }

    struct Message: Decodable, Sendable {
        let kind: String
        let vector: Int
        let counts: Counts?
    }

    struct Device: Decodable, Sendable {
        let address, backend, delivery: String
        let slot: Int
        let intx: Counts?
        let messages: [Message]

        /// Every source of interrupts that was counted.
        var counts: [Counts] { (intx.map { [$0] } ?? []) + messages.compactMap(\.counts) }
    }

    struct PostMortem: Decodable, Sendable {
        struct Frame: Decodable, Sendable {
            let address: String
            let symbol: String?
        }

        struct VCPU: Decodable, Sendable {
            let diagnosis: String
            let registers: [String]
            let backtrace: [Frame]
            let earlier: Earlier?
        }

        struct Earlier: Decodable, Sendable {
            struct ExceptionPlace: Decodable, Sendable {
                let address: String
                let symbol: String?
            }

            let secondsBeforeEnd: Double?
            let address: String
            let registers: [String]
            let exceptions: [ExceptionPlace]
            let stack: [Frame]
        }

        struct Log: Decodable, Sendable {
            let source: String
            let panic: String?
            let lines: [String]
        }

        let text, hints: [String]
        let log: Log?
        let vcpus: [VCPU]
    }

    struct Console: Decodable, Sendable {
        struct Failure: Decodable, Sendable {
            let kind: String?
            let seconds: Double?
        }

        let failures: [Failure]
    }

    let format: Int
    let outcome: String
    let exitStatus: Int32
    let message: String
    let durationSeconds: Double
    let reboots: Int
    let exits: [String: UInt64]
    let registers: [String]
    let consoleTail: String
    let devices: [Device]
    let console: Console?
    /// nil where the guest's end was its own choice.
    let postMortem: PostMortem?

    init(json: Data) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(RunReport.self, from: json)
    }

    func device(_ address: String) -> Device? { devices.first { $0.address == address } }

    /// Exits for accesses to memory where no RAM and no directly mapped BAR is.
    var mmioExits: UInt64 { (exits["mmio_read"] ?? 0) + (exits["mmio_write"] ?? 0) }
}
