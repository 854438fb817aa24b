import CLinux
import Glibc

/// The size of a terminal.
public struct TerminalSize: Sendable, Equatable {
    /// Characters per line, 1 or more.
    public let columns: Int
    /// Lines, 1 or more.
    public let rows: Int

    /// Asks the terminal for its size; 80 by 24 if it doesn't know. See tty_ioctl(4), TIOCGWINSZ.
    public init(of raw: Int32) {
        var size = winsize()
        let isKnown =
            withUnsafeMutableBytes(of: &size) { cl_ioctl(raw, UInt(TIOCGWINSZ), $0.baseAddress) } == 0
            && size.ws_col > 0 && size.ws_row > 0
        columns = isKnown ? Int(size.ws_col) : 80
        rows = isKnown ? Int(size.ws_row) : 24
    }
}
