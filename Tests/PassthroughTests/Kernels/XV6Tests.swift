import Testing

/// A teaching kernel of 32 bits, which sets up paging, APICs and its other processors by the MP table.
@Suite(.enabled(if: XV6Lab.kernel != nil, XV6Lab.absence))
struct XV6Tests {
    @Test("its shell runs two programs in turn from typed input", arguments: [1, 2])
    func shell(_ cpus: Int) async throws {
        let guest = try await XV6Lab.session.record("cpus-\(cpus)")
        #expect(guest.status == 0, guest.account)
        for cpu in 0..<cpus { #expect(guest.output.contains("cpu\(cpu): starting \(cpu)"), guest.account) }
        #expect(
            guest.output.contains { $0.hasPrefix("sb: size 1000") },
            guest.account)
        #expect(
            guest.output.contains { $0.contains("1 3 14") },
            guest.account)
    }
}
