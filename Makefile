# The commands of the README. `make help` lists all of them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build
.DELETE_ON_ERROR:

# `java` on PATH may be older than 25, so the build searches for a JDK itself.
export JAVA_HOME := $(shell tools/java-home)
ifeq ($(JAVA_HOME),)
$(error no JDK 25 or newer found)
endif
export MAVEN_OPTS := --sun-misc-unsafe-memory-access=allow --enable-native-access=ALL-UNNAMED
MAVEN := mvn -B -q -ntp
DIST := cli/target/dist
# The images that `agent-test` uses: images, images-newest, or agents and agents-trixie, in which systemd starts the agent.
IMAGES := images
SOURCES := $(shell find pom.xml */pom.xml */src -type f 2>/dev/null)

.PHONY: help build run test stress soak images examples bare-metal bench bench-boot bench-state bench-channels bench-jmh doctor javadoc bindings format clean packages

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

build: $(DIST)/microvm.aot $(DIST)/microvm-ask ## compile and package, without tests and images

$(DIST)/microvm.jar: $(SOURCES) tools/RewriteOldClasses.java tools/native-libraries | packages
	@echo "building microvm with $(JAVA_HOME)"
	@$(MAVEN) package -DskipTests
	@$(JAVA_HOME)/bin/java tools/RewriteOldClasses.java $(DIST)/lib/picocli-*.jar
	@tools/native-libraries $(DIST)/lib
	@echo $(JAVA_HOME) >$(DIST)/java-home
	@touch $@

# The JVM's ahead-of-time cache is recorded from a run that uses what every start uses.
$(DIST)/microvm.aot: $(DIST)/microvm.jar tools/train-aot | bare-metal
	@tools/train-aot $(DIST)

# Starts machines through `microvm serve` without a JVM. Static, because a dynamic linker takes longer than its work.
$(DIST)/microvm-ask: cli/src/main/c/ask.c $(DIST)/microvm.jar
	@gcc -std=c11 -O2 -Wall -Wextra -Werror -static -s -o $@ $<

packages: ## install the Debian packages that build and tests need
	@tools/packages

images: | packages ## build the guest kernel and root of pinned Debian packages (cached under ~/.cache/microvm)
	@$(MAKE) --no-print-directory -C test-images images

.PHONY: images-newest images-news images-update
images-newest: | packages ## build images of the newest packages, for `make agent-test IMAGES=images-newest`; the pin stays
	@$(MAKE) --no-print-directory -C test-images newest

images-news: ## list the pinned packages that have newer versions
	@$(MAKE) --no-print-directory -C test-images news

images-update: ## pin the newest packages (PACKAGES="NAME NAME=VERSION": only those)
	@$(MAKE) --no-print-directory -C test-images update

.PHONY: agents-root
agents-root: | packages ## build Debian with systemd and the agents from their packages, as a guest (RELEASE=trixie: of Debian 13)
	@test-images/agents/root.sh $(RELEASE)

.PHONY: agents agents-trixie agents-test
agents: agents-root
agents-trixie: | packages
	@test-images/agents/root.sh trixie

agents-test: build images agents-root bare-metal ## run Debian's agents against this program (ARGS="--host" without a guest; docs/agent.md)
	@tools/agents/run $(if $(RELEASE),--release $(RELEASE)) $(ARGS)

bare-metal: | packages
	@$(MAKE) --no-print-directory -s -C test-images/bare-metal

run: build images ## boot Linux: a shell on a terminal, otherwise a demonstration without input
	@if [ -t 0 ] && [ -t 1 ]; then bin/microvm run; else bin/microvm demo; fi

examples: build images ## build the programs of examples/ (examples/run NAME runs one)

test: build images javadoc ## run everything: format check, compiler warnings, Javadoc, unit, KVM and Linux guest tests
	@test-images/pin.sh summary
	@$(MAKE) --no-print-directory -C test-images check
	@tools/test

stress: build ## wake a sleeping guest with a million messages; fewer on the other interrupt paths
	@tools/test -pl microvm -am -Dtest='SleepingGuestStressTest' -Dsurefire.failIfNoSpecifiedTests=false \
	  -Dmicrovm.stress.messages=1000000

.PHONY: migrate-kill
migrate-kill: build ## kill a process of a migration by SIGKILL, at 50 random moments
	@tools/test -pl cli -am -Dtest='MigrationKillTest' -Dsurefire.failIfNoSpecifiedTests=false -Dmicrovm.kills=50

.PHONY: test-hardware test-hardware-short
test-hardware: build images bare-metal ## run the KVM tests on hardware KVM, which QEMU emulates (docs/hardware.md)
	@tools/test-hardware whole

test-hardware-short: build images bare-metal ## run a few KVM tests on hardware KVM
	@tools/test-hardware short

.PHONY: test-hardware-stock
test-hardware-stock: build images bare-metal ## boot Debian's own kernel and root as a guest on hardware KVM (RELEASE=trixie: Debian 13's)
	@tools/test-hardware $(if $(RELEASE),--release $(RELEASE)) stock

.PHONY: test-hardware-agents test-hardware-clients
test-hardware-agents: build images bare-metal agents-root ## test Debian's agents in a guest on hardware KVM (RELEASE=trixie, ARGS="NAME...")
	@tools/test-hardware agents $(if $(RELEASE),--release $(RELEASE)) $(ARGS)

test-hardware-clients: build images bare-metal ## run programs made for QEMU on hardware KVM (ARGS="NAME...")
	@tools/test-hardware clients $(ARGS)

soak: build images ## open, close and block ports at random: a Java driver, a hostile driver, Linux; five minutes each
	@tools/test -pl virtio-serial,microvm -am -Dtest='SoakTest,HostileSoakTest,PortSoakTest' \
	  -Dsurefire.failIfNoSpecifiedTests=false -Dmicrovm.soak.seconds=300

.PHONY: fuzz fuzz-guest
fuzz: ## fuzz what guests, peers and files control, MINUTES=N in all (default 30); docs/fuzzing.md
	@tools/fuzz $(or $(MINUTES),30)

.PHONY: faults
faults: bare-metal ## make each system call of a machine fail in turn, with each of its errors
	@tools/test -pl cli -am -Dtest=FaultTest -Dsurefire.failIfNoSpecifiedTests=false -Dmicrovm.faults=all

fuzz-guest: build bare-metal ## run a guest that accesses its devices at random, in the sandbox, MINUTES=N (default 10)
	@tools/fuzz-guest $(or $(MINUTES),10)

.PHONY: agent-test junit-example
agent-test: build $(IMAGES) ## run the guest agent suite, with results as JUnit XML (EXECS=N programs, IMAGES=agents: Debian 12)
	@tools/agent-test -Dmicrovm.images=$(CURDIR)/test-images/target/$(IMAGES)

junit-example: release ## run a project that uses the JUnit fixture, with the release and an empty home
	@tools/junit-example

.PHONY: release dist release-test
release: images ## make the files for a public Maven repository, in target/staging (VERSION=0.1.0 URL=https://...); unsigned
	@tools/release target/staging "$(VERSION)" "$(URL)"

dist: build images bare-metal docs ## make a tarball with a Java runtime and images, cli/target/microvm-*-linux-x86_64.tar.gz
	@tools/dist

release-test: release dist ## test both: consumers with an empty home, jlink, a boot without a JDK, a second build
	@tools/release-test

.PHONY: oci oci-test
oci: dist ## make an OCI image of the distribution, cli/target/microvm-*-oci.tar, without a daemon or a base image
	@tools/oci

oci-test: oci ## test it as root: skopeo, umoci, and a guest under runc with the profile of deploy/seccomp
	@tools/packages-oci
	@tools/oci-test

bench: bench-boot bench-state bench-fleet bench-channels ## run most benchmarks (docs/benchmarks.md); the report is target/bench/index.html

bench-channels: build bare-metal ## measure exits, throughput and latency, also of QEMU (installed if needed)
	@tools/packages-bench
	@bin/microvm bench exits --output target/bench
	@bin/microvm bench channel --compare-qemu --output target/bench
	@bin/microvm bench report target/bench

.PHONY: qmp-compare
qmp-compare: build bare-metal ## send commands to our control socket and QEMU's (installed if needed); prints the differences
	@tools/packages-bench
	@tools/qmp-compare

.PHONY: clients
clients: build images bare-metal ## run programs made for QEMU on libexec/qemu-system-x86_64 (installs them if needed)
	@tools/clients/run

bench-jmh: build ## measure the hot paths in nanoseconds (JMH; ARGS="-f 1 chainWalk" passes arguments to it)
	@tools/bench-jmh $(ARGS)

bench-boot: build images ## measure start-up times, median of 5
	@bin/microvm bench boot

bench-state: build images bare-metal ## measure snapshot, restore and migration, also of QEMU (installed if needed)
	@tools/packages-bench
	@bin/microvm bench restore
	@bin/microvm bench state --compare-qemu --output target/bench
	@bin/microvm bench migrate --output target/bench
	@bin/microvm bench report target/bench

.PHONY: bench-fleet
bench-fleet: build images ## measure 1, 10 and 50 machines in one process, and as many QEMU processes (installed if needed)
	@tools/packages-bench
	@bin/microvm bench fleet --machines 1,10,50 --compare-qemu --output target/bench
	@bin/microvm bench report target/bench

.PHONY: lint coverage dependencies docs
lint: ## check the shipped code with Error Prone, whose warnings are errors
	@$(MAVEN) -Plint compile -pl '!jmh'

coverage: build images ## run all tests and report the code coverage of each module
	@tools/coverage

dependencies: ## list dependencies and plugins that have newer releases
	@tools/dependencies

docs: ## regenerate docs/command-line.md, the man pages and the completions of shells under cli/target
	@tools/docs

doctor: build ## report what /dev/kvm supports here and what is missing
	@bin/microvm doctor

javadoc: build ## generate the Java API's documentation in target/javadoc
	@tools/javadoc target/javadoc

bindings: ## regenerate the generated package of kvm-bindings with the jextract on PATH
	@tools/generate-bindings

format: ## format the Java sources
	@$(MAVEN) spotless:apply

clean: ## remove everything that was built here (not ~/.cache/microvm)
	@rm -rf target */target
