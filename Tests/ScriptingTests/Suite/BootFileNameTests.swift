import Testing

@testable import Scripting

@Suite struct BootFileNameTests {
    @Test(arguments: [
        ("hello", "hello"), ("nic[cpus=2,append=irq=msi]", "nic_cpus_2,append_irq_msi_"), ("a/b\\c:d", "a_b_c_d"),
        ("a\"<>|*?", "a______"),
        ("", "_"), (".", "_"), ("..", "_"), (".hidden", "_hidden"), ("ends.", "ends"), ("ends ", "ends"),
        ("-rf", "_rf"), ("~x", "_x"), ("con", "_con"),
        ("COM1.x", "_COM1.x"), ("comet", "comet"), ("a\nb\u{1B}[2Jc\0d", "a_b__2Jc_d"),
        ("a\u{202E}b\u{2028}c\u{85}d", "a_b_c_d"), ("größe 1", "größe 1"),
        ("\u{FFFD}\u{FEFF}", "__"),
    ])
    func aNameIsOneThatFileSystemsTake(_ boot: String, _ name: String) {
        #expect(BootFileName.names(for: [boot]) == [name])
    }

    @Test func noTwoAreTheSame() {
        let boots = ["a/b", "a:b", "a_b", "A_B", "a_b~2", "e\u{301}", "\u{E9}", "STRASSE", "straße", ".", "..", ""]
        let names = BootFileName.names(for: boots)
        #expect(Array(names.prefix(5)) == ["a_b", "a_b~2", "a_b~3", "A_B~4", "a_b~2~2"])
        #expect(Set(names.map { $0.lowercased() }).count == boots.count)
        // Those before decide, not those behind.
        #expect(BootFileName.names(for: Array(boots.prefix(3))) == Array(names.prefix(3)))
    }

    @Test func longOnesAreCutAndStayApart() {
        for character in ["x", "\u{E9}", "\u{1F600}"] {
            let long = String(repeating: character, count: 300)
            let names = BootFileName.names(for: [long + "a", long + "b", long] + (0..<20).map { long + "\($0)" })
            #expect(Set(names).count == 23)
            #expect(names.allSatisfy { $0.utf8.count <= 104 && $0.utf8.count > 90 }, "\(names)")
        }
    }

    @Test func manyOfOneNameTakeNoTime() {
        let names = BootFileName.names(for: Array(repeating: "x:", count: 2000))
        #expect(Set(names).count == 2000)
        #expect(names.last == "x_~2000")
    }
}
