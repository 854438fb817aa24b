import ArgumentParser
import KVM

/// The value of `--cpu`.
struct CPUOption: Equatable, ExpressibleByArgument {
    let model: CPUModel

    init?(argument: String) {
        do throws(CPUModel.ParseError) { model = try CPUModel(argument) } catch { return nil }
    }
}
