import CLinux
import Glibc

/// How much a terminal shows.
public struct TerminalSize: Sendable, Equatable {
    /// Characters a line, 1 or more.
    public let columns: Int
    /// Lines, 1 or more.
    public let rows: Int

    /// What a terminal says, or 80 by 24 where it doesn't know. See tty_ioctl(4), TIOCGWINSZ.
    public init(of raw: Int32) {
        var size = winsize()
        let isKnown =
            withUnsafeMutableBytes(of: &size) { cl_ioctl(raw, UInt(TIOCGWINSZ), $0.baseAddress) } == 0
            && size.ws_col > 0 && size.ws_row > 0
        columns = isKnown ? Int(size.ws_col) : 80
        rows = isKnown ? Int(size.ws_row) : 24
    }
}
