import ArgumentParser
import KVM
import LinuxSystem
import VMM

/// `--on-reset end|reboot`: what a guest's reset does.
enum ResetAction: String, ExpressibleByArgument, CaseIterable {
    /// It ends the run.
    case end
    /// The machine starts again.
    case reboot
}

/// A run's boots, one after the other: with `--on-reset reboot` as many as the guest's resets make, else one.
///
/// A reset builds the machine anew: RAM, devices, interrupt controllers and vCPUs begin as they began at first, by the
/// same code, and a passed-through device is let go, which resets it, and opened again. So nothing of the guest before
/// can be left in it.
struct RebootLoop {
    /// The account of a whole run.
    struct Account {
        var result: Machine.Result
        /// How often the guest was started again.
        var reboots = 0
        /// What the last reset was, in words; empty without one.
        var lastReset = ""
        /// Of the last boot.
        var devices: [RunReport.Device]
    }

    let action: ResetAction
    /// Seconds that all boots may take together, from `start` on; nil: for ever.
    let timeout: Double?
    /// In nanoseconds of `MonotonicClock`: the program's start.
    let start = EndingSignals.beginning ?? MonotonicClock.now

    /// - Parameter boot: builds a machine, runs it, and tears it down.
    /// - Throws: what `boot` throws at first. Later, when the guest has run, its errors are the host's failure and an
    ///   outcome.
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

    /// How the guest reset itself. A triple fault counts: on a PC the board answers a processor's shutdown with a
    /// reset, and systems use it as one.
    static func reset(_ outcome: Outcome) -> String? {
        switch outcome {
        case .reset(let how): how
        case .tripleFault(let vcpu): "triple fault on vCPU \(vcpu)"
        default: nil
        }
    }
}
