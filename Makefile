# The README's commands. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build
.DELETE_ON_ERROR:

# `java` on PATH may be older than 25: the build looks for a JDK itself.
export JAVA_HOME := $(shell tools/java-home)
ifeq ($(JAVA_HOME),)
$(error no JDK 25 or newer found)
endif
export MAVEN_OPTS := --sun-misc-unsafe-memory-access=allow --enable-native-access=ALL-UNNAMED
MAVEN := mvn -B -q -ntp
DIST := cli/target/dist
SOURCES := $(shell find pom.xml */pom.xml */src -type f 2>/dev/null)

.PHONY: help build run test stress soak images examples bare-metal bench bench-boot bench-state bench-channels bench-jmh doctor javadoc bindings format clean packages

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

build: $(DIST)/microvm.aot ## compile and package; no tests, no images

$(DIST)/microvm.jar: $(SOURCES) tools/RewriteOldClasses.java | packages
	@echo "building microvm with $(JAVA_HOME)"
	@$(MAVEN) package -DskipTests
	@$(JAVA_HOME)/bin/java tools/RewriteOldClasses.java $(DIST)/lib/picocli-*.jar
	@echo $(JAVA_HOME) >$(DIST)/java-home
	@touch $@

# The JVM's ahead-of-time cache is trained by a start-up that touches what every start touches.
$(DIST)/microvm.aot: $(DIST)/microvm.jar tools/train-aot | bare-metal
	@tools/train-aot $(DIST)

packages: ## install the Debian packages that build and tests need
	@tools/packages

images: | packages ## build the guest kernel and root (cached under ~/.cache/microvm)
	@$(MAKE) --no-print-directory -C test-images images

bare-metal: | packages
	@$(MAKE) --no-print-directory -s -C test-images/bare-metal

run: build images ## boot Linux: a shell on a terminal, else a demonstration that ends by itself
	@if [ -t 0 ] && [ -t 1 ]; then bin/microvm run; else bin/microvm demo; fi

examples: build images ## build the programs of examples/ (examples/run NAME runs one)

test: build images ## everything: format, lint, unit, KVM and Linux guest tests
	@tools/test

stress: build ## a million messages to a guest that sleeps between each two; fewer on the other interrupt paths
	@tools/test -pl microvm -am -Dtest='SleepingGuestStressTest' -Dsurefire.failIfNoSpecifiedTests=false \
	  -Dmicrovm.stress.messages=1000000

.PHONY: migrate-kill
migrate-kill: build ## a process of a migration killed by SIGKILL at each of 50 random moments
	@tools/test -pl cli -am -Dtest='MigrationKillTest' -Dsurefire.failIfNoSpecifiedTests=false -Dmicrovm.kills=50

soak: build images ## ports whose ends come, go and block at random: a driver in Java (64), a hostile one, Linux (16); five minutes each
	@tools/test -pl virtio-serial,microvm -am -Dtest='SoakTest,HostileSoakTest,PortSoakTest' \
	  -Dsurefire.failIfNoSpecifiedTests=false -Dmicrovm.soak.seconds=300

.PHONY: agent-test junit-example
agent-test: build images ## the guest agent suite, every test named, results as JUnit XML (EXECS=N programs)
	@tools/agent-test

junit-example: release ## run a project that uses the JUnit fixture, with the release and an empty home
	@tools/junit-example

.PHONY: release dist release-test
release: images ## what a public Maven repository asks for, in target/staging (VERSION=0.1.0 URL=https://...); unsigned
	@tools/release target/staging "$(VERSION)" "$(URL)"

dist: build images bare-metal ## a tarball with a Java runtime and images, cli/target/microvm-*-linux-x86_64.tar.gz
	@tools/dist

release-test: release dist ## test both: consumers with an empty home, jlink, a boot without a JDK, a second build
	@tools/release-test

bench: bench-boot bench-state bench-channels ## all benchmarks but JMH's; the report is target/bench/index.html

bench-channels: build bare-metal ## exits, throughput and latency, against QEMU's microvm (installs it)
	@tools/packages-bench
	@bin/microvm bench exits --output target/bench
	@bin/microvm bench channel --compare-qemu --output target/bench
	@bin/microvm bench report target/bench

bench-jmh: build ## nanoseconds of the hot paths (JMH; WORDS="-f 1 chainWalk" passes words on)
	@tools/bench-jmh $(WORDS)

bench-boot: build images ## start-up times, median of 5
	@bin/microvm bench boot

bench-state: build images bare-metal ## snapshot, restore, migration: against QEMU (installs it), and 100 times under load
	@tools/packages-bench
	@bin/microvm bench restore
	@bin/microvm bench state --compare-qemu --output target/bench
	@bin/microvm bench migrate --output target/bench
	@bin/microvm bench report target/bench

doctor: build ## what /dev/kvm is here, and what is missing
	@bin/microvm doctor

javadoc: build ## the Java API's documentation, under target/javadoc
	@tools/javadoc target/javadoc

bindings: ## regenerate kvm-bindings' generated package with the jextract on PATH
	@tools/generate-bindings

format: ## format the Java sources
	@$(MAVEN) spotless:apply

clean: ## remove what was built here (not ~/.cache/microvm)
	@rm -rf target */target
