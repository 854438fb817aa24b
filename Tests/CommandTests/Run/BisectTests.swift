import Glibc
import LinuxSystem
import TestSupport
import Testing

/// `git bisect run swiftlet run ...` on a repository of a guest's source.
@Suite(.enabled(if: HostKVM.isPresent, "\(HostKVM.absence)"))
struct BisectTests {
    /// Eight commits: the fourth does not build, the sixth ends with 0 before it has said its result, the seventh
    /// panics as well.
    private static let script = #"""
        set -e
        repository=$1 swiftlet=$2
        trap 'rm -rf "$repository"' EXIT
        mkdir "$repository" && cd "$repository"
        git init -q . && git config user.name t && git config user.email t@example.org \
            && git config advice.detachedHead false
        cat > guest.S <<'END'
            .code16
            cli
            call 1f
        1:  popw %si
            addw $(message - 1b), %si
            movw $0x3f8, %dx
        2:  movb %cs:(%si), %al
            incw %si
            testb %al, %al
            jz 3f
            outb %al, %dx
            jmp 2b
        3:  outb %al, $0xf4
        4:  hlt
            jmp 4b
        message: .asciz TEXT
        END
        cat > build <<'END'
        #!/bin/sh
        sed "s/TEXT/$(cat text)/" guest.S | as --32 -o guest.o - \
            && ld -m elf_i386 -Ttext 0 --oformat binary -o guest.bin guest.o
        END
        chmod +x build
        printf 'guest.o\nguest.bin\n' > .gitignore
        number=0
        for text in '"result: ok\\n"' '"starts\\nresult: ok\\n"' '"faster\\nresult: ok\\n"' nonsense: \
            '"safer\\nresult: ok\\n"' \
            '"half done\\n"' '"Kernel panic - not syncing: x\\n"' '"hangs: result: "'; do
            number=$((number + 1))
            printf '%s' "$text" > text
            git add -A && git commit -qm "commit $number"
        done
        git bisect start HEAD HEAD~7
        git bisect run sh -c \
            './build || exit 125; exec "$0" run guest.bin --memory 1M --timeout 20s --expect "^result: ok\$"' \
            "$swiftlet"
        echo "first bad: $(git show -s --format=%s refs/bisect/bad)"
        git bisect log
        """#

    private static var hasTools: Bool { ["git", "as", "ld"].allSatisfy { access("/usr/bin/\($0)", X_OK) == 0 } }

    @Test(.enabled(if: hasTools, "git and binutils are needed"))
    func theCommitThatBrokeItIsFound() throws {
        let directory = try TemporaryDirectory()
        let arguments = ["-c", Self.script, "sh", "\(directory.path)/repository", SwiftletProcess.path]
        let ended = try SwiftletProcess(arguments, program: "/bin/sh").wait(within: 120)
        #expect(ended.status == 0, "\(ended.errors)")
        #expect(ended.output.contains("first bad: commit 6"), "\(ended.output)\n\(ended.errors)")
        #expect(ended.errors.contains("wrote 0 to the exit port, and the console never said \"^result: ok$\""))
    }
}
