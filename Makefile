# make build         .build/release/swiftlet, guests, firmware
# make install       puts the built program, manual pages and completions below PREFIX=/usr/local
#
# make test          every test, as CI runs them
# make prepush       lint, build, tests of pure rooms and documents, 2 s of fuzzing a target
# make lint          formatting and style, strictly
# make format        formats in place
#
# make test-labs     the long proofs in the lab; PARTS="linux hostile" some of them
# make test-hostile  RUNS=100 of the hostile guest with the lab's devices: each ends by its verdict
# make test-faults   makes a call of a start fail, RUNS=500 times: none ends in 0 or without a word
# make test-legacy   KVM's own assignment; KERNEL=BZIMAGE of Linux 2.6.31 to 4.11: docs/legacy.md
# make test-xv6      xv6 on one processor and on two; KERNEL=KERNELMEMFS: docs/boot-formats.md
# make fuzz          fuzzes the pure rooms, a minute each
#
# make demo          the three boots with a NIC
# make bench         the figures of bench/README.md
#
# make setup         installs what is missing by apt; test, test-..., demo and bench begin with it
# make swiftlet      the program alone
# make guests        the test kernels alone
# make firmware      the boot ROM alone
# make clean         removes what was built
# make help          this list
SHELL := /bin/bash
export SWIFTLET_BINARY ?= $(CURDIR)/.build/release/swiftlet

# Fully static where libpci.a can be had, otherwise only Swift's own libraries are static: docs/linking.md.
LIBPCI := $(CURDIR)/.build/libpci
STATIC := -Xswiftc -static-executable
DYNAMIC := --static-swift-stdlib
# Types are then made by calls and not by names that are read at the run: 0.2 ms of a start (docs/benchmarks.md).
DIRECT := -Xswiftc -Xfrontend -Xswiftc -disable-concrete-type-metadata-mangled-name-accessors
# What a start runs lies side by side, which takes a third off its memory (docs/linking.md). The toolchain brings its own lld.
LAYOUT := -Xswiftc -Xfrontend -Xswiftc -function-sections -Xswiftc -use-ld=lld \
	-Xlinker --symbol-ordering-file=$(CURDIR)/tools/link-order.txt -Xlinker --no-warn-symbol-ordering $(if $(LINK_MAP),-Xlinker -Map=$(LINK_MAP))
RELEASE := swift build -c release --product swiftlet $(DIRECT) $(LAYOUT)

PREFIX ?= /usr/local
OBJCOPY ?= objcopy
SHARE = $(DESTDIR)$(PREFIX)/share

.PHONY: help setup build install swiftlet guests firmware demo bench lint format clean
.PHONY: test prepush test-labs test-hostile test-faults test-legacy test-xv6 fuzz

# The first target is what make alone makes: the comment above. Nothing is installed by it.
help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

setup:
	@tools/setup

build: swiftlet guests firmware

swiftlet:
	@tools/version --write
	@[ tools/link-order.txt -ot .build/release/swiftlet ] || rm -f .build/release/swiftlet
	@if tools/static-libpci; then \
		PKG_CONFIG_PATH=$(LIBPCI) $(RELEASE) $(STATIC); \
	else \
		$(RELEASE) $(DYNAMIC); \
	fi

install:
	@[ -x "$(SWIFTLET_BINARY)" ] || { echo "install: $(SWIFTLET_BINARY) is missing: run make build first" >&2; exit 1; }
	install -d "$(DESTDIR)$(PREFIX)/bin"
	$(OBJCOPY) --only-keep-debug "$(SWIFTLET_BINARY)" "$(DESTDIR)$(PREFIX)/bin/swiftlet.debug"
	chmod 644 "$(DESTDIR)$(PREFIX)/bin/swiftlet.debug"
	$(OBJCOPY) --strip-all --add-gnu-debuglink="$(DESTDIR)$(PREFIX)/bin/swiftlet.debug" "$(SWIFTLET_BINARY)" "$(DESTDIR)$(PREFIX)/bin/swiftlet"
	chmod 755 "$(DESTDIR)$(PREFIX)/bin/swiftlet"
	install -d "$(SHARE)/man/man1" "$(SHARE)/bash-completion/completions" "$(SHARE)/zsh/site-functions" "$(SHARE)/fish/vendor_completions.d"
	umask 022 && "$(SWIFTLET_BINARY)" manual "$(SHARE)/man/man1"
	umask 022 && "$(SWIFTLET_BINARY)" --generate-completion-script bash > "$(SHARE)/bash-completion/completions/swiftlet"
	umask 022 && "$(SWIFTLET_BINARY)" --generate-completion-script zsh > "$(SHARE)/zsh/site-functions/_swiftlet"
	umask 022 && "$(SWIFTLET_BINARY)" --generate-completion-script fish > "$(SHARE)/fish/vendor_completions.d/swiftlet.fish"

guests:
	@$(MAKE) --no-print-directory -C guests

firmware:
	@$(MAKE) --no-print-directory -C firmware

test: setup
	@$(MAKE) --no-print-directory build
	@tools/test

prepush: lint build
	@tools/test --filter '^(Boot|Bytes|PCI|PostMortem|Scripting|X86)Tests\.|^CommandTests\.(Document|LinkOrder|SourceTree)Tests/'
	@tools/fuzz 2

test-labs: setup
	@$(MAKE) --no-print-directory build
	@tools/labs $(PARTS)

test-hostile: setup
	@$(MAKE) --no-print-directory build
	@tools/hostile $(or $(RUNS),100)

test-legacy: setup
	@[ -r "$(KERNEL)" ] || { echo "test-legacy: name the kernel: make test-legacy KERNEL=/path/to/bzImage (docs/legacy.md says how it is configured)" >&2; exit 64; }
	@$(MAKE) --no-print-directory build
	@SWIFTLET_LEGACY_KERNEL="$(abspath $(KERNEL))" tools/test --filter LegacyHostTests

test-xv6: setup
	@[ -r "$(KERNEL)" ] || { echo "test-xv6: name the kernel: make test-xv6 KERNEL=/path/to/kernelmemfs (docs/boot-formats.md says how it is built)" >&2; exit 64; }
	@$(MAKE) --no-print-directory build
	@SWIFTLET_XV6_KERNEL="$(abspath $(KERNEL))" tools/test --filter XV6Tests

test-faults: setup
	@$(MAKE) --no-print-directory build
	@tools/faults $(or $(RUNS),500)

demo: setup
	@$(MAKE) --no-print-directory build
	@tools/demo

bench: setup
	@$(MAKE) --no-print-directory build
	@bench/run
	@bench/boots
	@bench/console
	@bench/linux

fuzz:
	@tools/fuzz

lint:
	@swift format lint --strict --recursive Sources Tests Fuzz guests Package.swift

format:
	@swift format --in-place --recursive Sources Tests Fuzz guests Package.swift

clean:
	rm -rf .build guests/build firmware/build bench/build
