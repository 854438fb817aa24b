import CLinux
import Glibc
import LinuxSystem
import Synchronization
import TestSupport
import Testing

@testable import KVM

/// Getting a vCPU out of the guest on hosts without KVM_CAP_IMMEDIATE_EXIT, by KVM_SET_SIGNAL_MASK. Tried on this host,
/// which has both.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"), .timeLimit(.minutes(2)))
struct KickTests {
    private static func onThread(_ body: @escaping @Sendable () throws -> Void) throws {
        Thread.prepare()
        let failure = Mutex<String?>(nil)
        let thread = try Thread("kicked") {
            do { try body() } catch { failure.withLock { $0 = "\(error)" } }
        }
        thread.join()
        #expect(failure.withLock { $0 } == nil)
    }

    @Test func aKickBeforeTheGuestIsEnteredIsNotLost() throws {
        try Self.onThread {
            // out 0xf4, al; jmp $
            let guest = try RealModeGuest([0xE6, 0xF4, 0xEB, 0xFE])
            try guest.vcpu.prepare(.signalMask)
            pthread_kill(pthread_self(), cl_kick_signal())
            #expect(guest.vcpu.enter() == .interrupted, "it waited for KVM_RUN")
            #expect(
                guest.vcpu.enter() == .portOut(port: 0xF4, size: 1, count: 1),
                "and ended one KVM_RUN, not every later one")
            for _ in 0..<3 {
                pthread_kill(pthread_self(), cl_kick_signal())
                #expect(guest.vcpu.enter() == .interrupted)
            }
        }
    }

    @Test func otherSignalsStayBlocked() throws {
        try Self.onThread {
            var other = sigset_t()
            sigemptyset(&other)
            sigaddset(&other, SIGUSR1)
            pthread_sigmask(SIG_BLOCK, &other, nil)
            let guest = try RealModeGuest([0xE6, 0xF4])
            try guest.vcpu.prepare(.signalMask)
            pthread_kill(pthread_self(), SIGUSR1)
            #expect(guest.vcpu.enter() == .portOut(port: 0xF4, size: 1, count: 1))
            var number: Int32 = 0
            #expect(sigwait(&other, &number) == 0, "it is there still")
            #expect(number == SIGUSR1, "it is there still")
        }
    }

    @Test func everyOneOfManyKicksArrives() throws {
        Thread.prepare()
        // out 0xf4, al; jmp back: half of its life is spent outside of the guest.
        let guest = try RealModeGuest([0xE6, 0xF4, 0xEB, 0xFC])
        let vcpu = guest.vcpu
        let asked = Atomic<Int>(0)
        let seen = Atomic<Int>(0)
        let rounds = 2000
        let thread = try Thread("kicked") {
            guard (try? vcpu.prepare(.signalMask)) != nil else { return }
            while seen.load(ordering: .sequentiallyConsistent) < rounds {
                // The loop's last look; a kick that comes after it must end the KVM_RUN that follows.
                let round = asked.load(ordering: .sequentiallyConsistent)
                if round > seen.load(ordering: .sequentiallyConsistent) {
                    seen.store(round, ordering: .sequentiallyConsistent)
                    continue
                }
                while vcpu.enter() != .interrupted && asked.load(ordering: .relaxed) & 1 == 0 {}
            }
        }
        for round in 1...rounds {
            asked.store(round, ordering: .sequentiallyConsistent)
            thread.kick()
            #expect(eventually { seen.load(ordering: .sequentiallyConsistent) == round }, "round \(round)")
        }
        thread.join()
        #expect(seen.load(ordering: .sequentiallyConsistent) == rounds)
        withExtendedLifetime(guest.vm) {}
    }
}
