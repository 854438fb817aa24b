import ArgumentParser

/// A shell's completion script for our command lines: the argument parser's, with additions for bash.
struct CompletionScript {
    let text: String

    init(_ shell: CompletionShell) {
        let generated = Swiftlet.completionScript(for: shell)
        text = shell == .bash ? "\(generated)\n\(Self.wholeWords)\n" : generated
    }

    /// Bash splits words at colons and equals signs, which our words contain. This passes whole words to the generated
    /// function, and removes from its answers the part that bash considers already typed. `COMP_LINE` shows which words
    /// have no blank between them.
    private static let wholeWords = #"""
        _swiftlet_whole_words() {
            local -a words=()
            local rest="${COMP_LINE}" cur="" word before
            local -i index at=0
            for index in "${!COMP_WORDS[@]}"; do
                word="${COMP_WORDS[index]}"
                before="${rest%%[![:space:]]*}"
                rest="${rest#"${before}"}"
                rest="${rest#"${word}"}"
                if ((index == 0)) || [[ -n ${before} ]]; then words+=(""); fi
                at=$((${#words[@]} - 1))
                if ((index == COMP_CWORD)); then
                    # Where the cursor is behind a sign that breaks words, bash says that nothing was typed yet.
                    cur="${words[at]}${2:-${word//[^:=]/}}"
                    break
                fi
                words[at]+="${word}"
            done
            words[at]="${cur}"
            if [[ ${cur} == --*=* ]]; then
                words[at]="${cur%%=*}"
                cur="${cur#*=}"
                words+=("${cur}")
                ((at += 1))
            fi
            local typed="${2}"
            local -a COMP_WORDS=("${words[@]}")
            local -i COMP_CWORD="${at}"
            local COMP_LINE="${words[*]}"
            local -i COMP_POINT="${#COMP_LINE}"
            local IFS=$' \t\n'
            _swiftlet "${1}" "${cur}" "${words[at - 1]}"
            local strip="${cur%"${typed}"}"
            if [[ ${#COMPREPLY[@]} -gt 0 && ${COMPREPLY[0]} == *[:=,/]* ]]; then
                # These are no files' names to be quoted, and more may follow them.
                compopt +o filenames 2> /dev/null
                [[ ${COMPREPLY[0]} == *[:=/] ]] && compopt -o nospace 2> /dev/null
            fi
            COMPREPLY=("${COMPREPLY[@]#"${strip}"}")
        }
        complete -o filenames -F _swiftlet_whole_words swiftlet
        """#
}
