/// One test of a suite: a run of swiftlet, or the reason why there is none.
struct SuiteCase: Equatable {
    enum Plan: Equatable {
        /// The words after `swiftlet`, and the seconds it may take; nil for no limit.
        case run([String], timeout: Double?)
        case skip(String)
    }

    struct Output: Equatable {
        let path: String
        let what: String
    }

    let name: String
    let plan: Plan
    /// What its files are named after, as no other's of its suite.
    var fileName = "boot"
    /// Files that its run writes, beside its log: paths, and what they are for a sentence, as `report`.
    var outputs: [Output] = []
    /// Functions it passes to its guest, as `0000:00:04.0`: no other test has them meanwhile.
    var devices: [String] = []
    /// How often it is run again after it failed.
    var retries = 0
    /// Exit statuses that pass, where not only a guest that passed does.
    var passingStatuses: [Int32]?
    /// What exit statuses mean by which the guest itself ended the run, through its exit port.
    var meanings: [Int32: SuiteVerdict] = [:]
    /// Whether a guest that powers itself off has passed.
    var passesByPowerOff = true
    /// A line of the console that begins so sums the test up.
    var summaryPrefix: String?
    /// Lines of the console that begin so say what failed.
    var complaintPrefix: String?
}

/// What became of a test.
enum SuiteVerdict: Equatable {
    case passed
    case failed(String)
    case skipped(String)
    /// It could not be tried, for a reason that is not the guest's: nothing was learnt about it.
    case error(String)

    /// Why it did not pass and may be tried again; nil where it did, or was not run.
    var complaint: String? {
        switch self {
        case .failed(let reason), .error(let reason): reason
        case .passed, .skipped: nil
        }
    }
}
