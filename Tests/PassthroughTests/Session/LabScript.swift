/// The shell functions that the scripts in the lab are made of. Each command leaves its output, its errors, its exit
/// status and what the lab host's kernel said meanwhile in files that begin with the name it was given.
enum LabScript {
    static func text(_ body: String) -> String { functions + "\n" + body + "\n" + end }

    private static let functions = #"""
        set -u
        swiftlet=$1 guests=$2 out=$3

        # QEMU before 8.1 can lose a change of code that another processor is running. The first virtual machine of a
        # host and the last one change its scheduler's code (preempt_notifier_key); as long as this one is there nobody
        # else's is the first or the last.
        "$swiftlet" run "$guests/halts.elf" --memory 16M --console none < /dev/null 2> /dev/null &
        keeper=$!
        dmesg --clear

        # record NAME COMMAND...
        record() {
            local name=$1
            shift
            "$@" > "$out/$name.output" 2> "$out/$name.errors" < /dev/null
            finished "$name" $?
        }

        finished() {
            dmesg --read-clear > "$out/$1.kernel"
            echo "$2" > "$out/$1.status"
        }

        # run NAME GUEST APPEND OPTION...: a guest, with a report. What a device's guest has of memory costs time: all
        # of it is pinned.
        run() {
            local name=$1 guest=$2 append=$3
            shift 3
            record "$name" "$swiftlet" run "$guests/$guest.elf" --append "$append" --timeout "${limit:-60s}" \
                --memory "${memory:-64M}" --report "json:$out/$name.json" "$@"
        }

        # start NAME GUEST APPEND OPTION...: the same, going on in the background, its serial input at descriptor 7.
        start() {
            started=$1
            local guest=$2 append=$3
            shift 3
            mkfifo "/tmp/$started.in" "/tmp/$started.out"
            # Shells start what is in the background with SIGINT ignored.
            env --default-signal=INT "$swiftlet" run "$guests/$guest.elf" --append "$append" --timeout 60s \
                --memory 64M --report "json:$out/$started.json" "$@" < "/tmp/$started.in" > "/tmp/$started.out" \
                2> "$out/$started.errors" &
            process=$!
            exec 7> "/tmp/$started.in" 8< "/tmp/$started.out"
            : > "$out/$started.output"
        }

        # await TEXT: reads what was started until a line contains the text.
        await() {
            local line
            while IFS= read -r -t 60 line <&8; do
                printf '%s\n' "$line" >> "$out/$started.output"
                case $line in *"$1"*) return ;; esac
            done
            echo "$started ended, or was silent for a minute, before it said: $1" >&2
        }

        # finish: waits for the end of what was started.
        finish() {
            exec 7>&-
            cat <&8 >> "$out/$started.output"
            exec 8<&-
            wait "$process"
            finished "$started" $?
        }

        # The COMMAND register of a function of the host.
        command_register() { od -An -tx2 -j4 -N2 "/sys/bus/pci/devices/$1/config"; }

        """#

    private static let end = """
        # Killing the last background process says so, which is nothing to fail for.
        kill -KILL $keeper
        wait $keeper 2> /dev/null
        exit 0
        """
}
