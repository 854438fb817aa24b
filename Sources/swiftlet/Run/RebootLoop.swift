import ArgumentParser
import KVM
import LinuxSystem
import VMM

/// `--on-reset end|reboot`: the effect of a guest's reset.
enum ResetAction: String, ExpressibleByArgument, CaseIterable {
    /// It ends the run.
    case end
    /// The machine starts again.
    case reboot
}

/// A run's boots: with `--on-reset reboot` one after each reset of the guest, otherwise one.
///
/// A reset builds a new machine with the same code: RAM, devices, interrupt controllers and vCPUs have their initial
/// state, and a passed-through device is released, which resets it, and opened again. So no state of the previous boot
/// remains.
struct RebootLoop {
    /// The result of a whole run.
    struct Account {
        var result: Machine.Result
        /// The number of restarts.
        var reboots = 0
        /// The kind of the last reset in words; empty without one.
        var lastReset = ""
        /// The last boot's devices.
        var devices: [RunReport.Device]
    }

    let action: ResetAction
    /// The time limit in seconds for all boots together, from `start` on; nil for none.
    let timeout: Double?
    /// In nanoseconds of `MonotonicClock`: the program's start.
    let start = EndingSignals.beginning ?? MonotonicClock.now

    /// - Parameter boot: builds a machine, runs it, and tears it down.
    /// - Throws: an error of the first `boot`. Later, when a guest has run, an error is a host failure and an outcome.
    func run(_ boot: () throws -> (Machine.Result, [RunReport.Device])) throws -> Account {
        let (first, devices) = try boot()
        var account = Account(result: first, devices: devices)
        while action == .reboot, let reset = Self.reset(account.result.outcome) {
            account.lastReset = reset
            if let timeout, Double(MonotonicClock.now - start) / 1e9 >= timeout {
                account.result.outcome = .timeout(seconds: timeout)
                break
            }
            account.reboots += 1
            do {
                var (result, devices) = try boot()
                result.follow(account.result)
                (account.result, account.devices) = (result, devices)
            } catch {
                account.result.outcome =
                    switch EndingSignals.cause {
                    case .signal(let signal): .signal(signal)
                    case .timeLimit: .timeout(seconds: timeout ?? 0)
                    case nil: .hostFailure("the machine could not be built again after a reset: \(error)")
                    }
            }
        }
        return account
    }

    /// Returns the kind of a reset, nil for other outcomes. A triple fault counts: on a PC the board answers a
    /// processor's shutdown with a reset, and systems use it as one.
    static func reset(_ outcome: Outcome) -> String? {
        switch outcome {
        case .reset(let how): how
        case .tripleFault(let vcpu): "triple fault on vCPU \(vcpu)"
        default: nil
        }
    }
}
