/// One test of a suite: a run of swiftlet, or the reason why there is none.
struct SuiteCase: Equatable {
    enum Plan: Equatable {
        /// The arguments of `swiftlet`, and the time limit in seconds; nil for none.
        case run([String], timeout: Double?)
        case skip(String)
    }

    struct Output: Equatable {
        let path: String
        let what: String
    }

    let name: String
    let plan: Plan
    /// The base of the names of its files, unique in its suite.
    var fileName = "boot"
    /// Files that its run writes, besides its log: paths, and their purpose in a sentence, such as `report`.
    var outputs: [Output] = []
    /// Functions that it passes to its guest, such as `0000:00:04.0`: no other test has them meanwhile.
    var devices: [String] = []
    /// The number of retries after a failure.
    var retries = 0
    /// Exit statuses that pass, if not only a guest that passed does.
    var passingStatuses: [Int32]?
    /// The meanings of exit statuses by which the guest itself ended the run, through its exit port.
    var meanings: [Int32: SuiteVerdict] = [:]
    /// True if a guest that powers itself off has passed.
    var passesByPowerOff = true
    /// The prefix of a console line that summarizes the test.
    var summaryPrefix: String?
    /// The prefix of console lines that report failures.
    var complaintPrefix: String?
}

/// The result of a test.
enum SuiteVerdict: Equatable {
    case passed
    case failed(String)
    case skipped(String)
    /// It could not be run, for a reason other than the guest: there is no verdict about it.
    case error(String)

    /// The reason why it did not pass and may be retried; nil if it passed, or was not run.
    var complaint: String? {
        switch self {
        case .failed(let reason), .error(let reason): reason
        case .passed, .skipped: nil
        }
    }
}
