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
/// A reset builds the machine anew: RAM, devices, interrupt controllers and vCPUs begin as they began at first, by the same code, and a
/// passed-through device is let go, which resets it, and opened again. So nothing of the guest before can be left in it.
struct BootSeries {
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
    /// Seconds that all boots may take together; nil: for ever.
    let timeout: Double?

    /// - Parameter boot: builds a machine, runs it with the time it is given, and tears it down.
    /// - Throws: what `boot` throws at first. Later, when the guest has run, its errors are the host's failure and an outcome.
    func run(_ boot: (_ timeout: Double?) throws -> (Machine.Result, [RunReport.Device])) throws -> Account {
        let start = MonotonicClock.now
        let (first, devices) = try boot(timeout)
        var account = Account(result: first, devices: devices)
        while action == .reboot, let reset = Self.reset(account.result.outcome) {
            account.lastReset = reset
            let rest = timeout.map { $0 - Double(MonotonicClock.now - start) / 1e9 }
            if let rest, rest <= 0 {
                account.result.outcome = .timeout(seconds: 0)
                break
            }
            account.reboots += 1
            do {
                var (result, devices) = try boot(rest)
                result.follow(account.result)
                (account.result, account.devices) = (result, devices)
            } catch {
                account.result.outcome = .hostFailure("the machine could not be built again after a reset: \(error)")
            }
        }
        if let timeout, case .timeout = account.result.outcome { account.result.outcome = .timeout(seconds: timeout) }
        return account
    }

    /// How the guest reset itself. A triple fault counts: on a PC the board answers a processor's shutdown with a reset, and systems use it as one.
    static func reset(_ outcome: Outcome) -> String? {
        switch outcome {
        case .reset(let how): how
        case .tripleFault(let vcpu): "triple fault on vCPU \(vcpu)"
        default: nil
        }
    }
}
