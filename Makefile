# make setup   installs what is missing          make test    every test, as CI runs them
# make build   .build/release/swiftlet, guests   make bench   the figures of bench/README.md
# make test-legacy KERNEL=BZIMAGE   KVM's own assignment, on a lab host of Linux 2.6.31 to 4.11: docs/legacy.md
# make demo    the three boots with a NIC        make fuzz    fuzzes the pure rooms
# make lint    formatting and style, strictly    make format  formats in place
SHELL := /bin/bash
export SWIFTLET_BINARY ?= $(CURDIR)/.build/release/swiftlet

# Fully static where libpci.a can be had, otherwise only Swift's own libraries are static: docs/linking.md.
LIBPCI := $(CURDIR)/.build/libpci
STATIC := -Xswiftc -static-executable
DYNAMIC := --static-swift-stdlib

.PHONY: setup build swiftlet guests firmware test test-legacy demo bench fuzz lint format clean

setup:
	@tools/setup

build: swiftlet guests firmware

swiftlet:
	@if tools/static-libpci; then \
		PKG_CONFIG_PATH=$(LIBPCI) swift build -c release --product swiftlet $(STATIC); \
	else \
		swift build -c release --product swiftlet $(DYNAMIC); \
	fi

guests:
	@$(MAKE) --no-print-directory -C guests

firmware:
	@$(MAKE) --no-print-directory -C firmware

test: setup
	@$(MAKE) --no-print-directory build
	@tools/test

test-legacy: setup
	@[ -r "$(KERNEL)" ] || { echo "test-legacy: name the kernel: make test-legacy KERNEL=/path/to/bzImage (docs/legacy.md says how it is configured)" >&2; exit 64; }
	@$(MAKE) --no-print-directory build
	@SWIFTLET_LEGACY_KERNEL="$(abspath $(KERNEL))" tools/test --filter LegacyHostTests

demo: setup
	@$(MAKE) --no-print-directory build
	@tools/demo

bench: setup
	@$(MAKE) --no-print-directory build
	@bench/run
	@bench/linux

fuzz:
	@tools/fuzz

lint:
	@swift format lint --strict --recursive Sources Tests Package.swift

format:
	@swift format --in-place --recursive Sources Tests Package.swift

clean:
	rm -rf .build guests/build firmware/build bench/build
