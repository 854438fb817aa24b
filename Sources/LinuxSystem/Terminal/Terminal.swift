import CSignals
import Glibc

/// Puts a terminal into a mode in which every key goes to the guest at once, and restores it at the end of its life.
///
/// Keys that make signals (^C, ^\, ^Z) still do so by default: they end or stop swiftlet, not the guest.
public struct Terminal: ~Copyable, Sendable {
    private let raw: Int32
    private let saved: termios

    /// Returns nil if `raw` is not a terminal, or if swiftlet is not its foreground job (changing it would stop us).
    /// - Parameter takesSignalKeys: ^C, ^\ and ^Z make no signals and go to the guest.
    public init?(_ raw: Int32, takesSignalKeys: Bool = false) {
        var attributes = termios()
        guard isatty(raw) == 1, tcgetpgrp(raw) == getpgrp(), tcgetattr(raw, &attributes) == 0 else { return nil }
        self.raw = raw
        saved = attributes
        attributes.c_lflag &= ~tcflag_t(ICANON | ECHO | (takesSignalKeys ? ISIG : 0))
        attributes.c_iflag &= ~tcflag_t(ICRNL | IXON)
        var before = saved
        cs_set_terminal(raw, &before)
        tcsetattr(raw, TCSANOW, &attributes)
    }

    deinit {
        var attributes = saved
        cs_restore_terminal(raw, &attributes)
        cs_set_terminal(-1, &attributes)
    }
}
