# What the benchmarks begin with: they set `here`, their own folder, and source this. It says where things are, and checks that they are there.
root=$(dirname "$here")
build=$here/build
swiftlet=${SWIFTLET_BINARY:-$root/.build/release/swiftlet}

say() { echo "bench: $*" >&2; }

# need GUEST...: swiftlet, these test kernels and /dev/kvm, or the end with a status of sysexits(3).
need() {
    local guest
    [ -x "$swiftlet" ] || { say "$swiftlet is not there: run make build first, or name another in SWIFTLET_BINARY"; exit 66; }
    for guest in "$@"; do
        [ -r "$root/guests/build/$guest.elf" ] || { say "guests/build/$guest.elf is not there: run make build first"; exit 66; }
    done
    [ -r /dev/kvm ] && [ -w /dev/kvm ] || { say "/dev/kvm is not there or may not be opened: load kvm-intel or kvm-amd, or join group kvm"; exit 69; }
}

# compile PROGRAM...: bench/PROGRAM.c into bench/build, where it isn't newer than its source.
compile() {
    local program
    mkdir -p "$build"
    for program in "$@"; do
        [ "$build/$program" -nt "$here/$program.c" ] || "${CC:-cc}" -std=gnu11 -O2 -Wall -Wextra -Werror -o "$build/$program" "$here/$program.c"
    done
}
