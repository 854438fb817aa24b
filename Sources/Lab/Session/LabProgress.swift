/// The messages of the script in the lab's host on the second serial port.
struct LabProgress: Sendable {
    private(set) var stage = "starting its kernel"
    /// True if the command was started.
    private(set) var isStarted = false
    /// The command's exit status, once it has one.
    private(set) var exitStatus: Int32?
    /// The reason why the host's setup failed.
    private(set) var failure: String?
    /// The number of the host's requests for a line of the command's input; only if the input goes over a serial port.
    private(set) var inputRequests = 0
    /// The files sent back, as base64 of a compressed archive; empty if there are none.
    private(set) var files: [UInt8] = []
    private var isReceivingFiles = false
    private var partial: [UInt8] = []

    /// Processes received bytes.
    mutating func append(_ bytes: ArraySlice<UInt8>) {
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if isReceivingFiles && !partial.elementsEqual("end".utf8) {
                    files += partial
                } else {
                    read(String(decoding: partial, as: UTF8.self))
                }
                partial.removeAll(keepingCapacity: true)
            } else if byte != UInt8(ascii: "\r") && partial.count < 1024 {
                partial.append(byte)
            }
        }
    }

    private mutating func read(_ line: String) {
        let words = line.split(separator: " ", maxSplits: 1).map(String.init)
        let rest = words.count > 1 ? words[1] : ""
        switch words.first {
        case "stage": stage = rest
        case "started":
            stage = "running the command"
            isStarted = true
        case "more": inputRequests += 1
        case "files": isReceivingFiles = true
        case "end": isReceivingFiles = false
        case "exit": exitStatus = Int32(rest)
        case "failed": failure = rest
        default: break
        }
    }
}
