#!/usr/bin/env python3
"""Boots the bare-metal guests under QEMU's microvm and compares their output and exit status.

usage: check.py DIRECTORY [WORD]    only the cases whose name contains WORD

It checks the guests, not our VMM: a failure here is a fault of the guest. Where KVM emulates CPL0
(no vmx or svm), instructions that the emulator does not support end in QEMU's "internal error";
those cases then expect that.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import zlib

QEMU = (
    "qemu-system-x86_64 -M microvm,acpi=off,kernel-irqchip=on,accel=kvm -cpu host,-arch-capabilities"
    " -nodefaults -no-user-config -nographic -no-reboot -serial stdio"
    " -device isa-debug-exit,iobase=0xf4,iosize=4 -global virtio-mmio.force-legacy=false"
).split()
LIMIT = 30
HARDWARE = re.search(r"^flags.*\b(vmx|svm)\b", open("/proc/cpuinfo").read(), re.M) is not None


class Guest:
    """A QEMU with one guest, and with a virtio-serial port when `port` is set."""

    def __init__(self, directory, name, words="", memory="64", port=False, cpus="1"):
        self.path = tempfile.mktemp(suffix=".sock") if port else None
        command = QEMU + ["-m", memory, "-smp", cpus, "-kernel", os.path.join(directory, name), "-append", words]
        if port:
            command += ["-device", "virtio-serial-device", "-chardev"]
            command += ["socket,id=c,server=on,wait=off,path=" + self.path, "-device"]
            command += ["virtserialport,chardev=c,name=org.test.echo"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.output = b""

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.process.kill()
        self.output += self.process.communicate()[0]
        if self.path and os.path.exists(self.path):
            os.unlink(self.path)

    def finish(self):
        self.output += self.process.communicate(timeout=LIMIT)[0]
        return self.process.returncode

    def wait_for(self, text):
        end = time.monotonic() + LIMIT
        while text not in self.output:
            if time.monotonic() > end:
                raise AssertionError("no %r in %r" % (text, self.output))
            chunk = os.read(self.process.stdout.fileno(), 4096)
            if not chunk:
                raise AssertionError("ended without %r: %r" % (text, self.output))
            self.output += chunk

    def connect(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(LIMIT)
        connection.connect(self.path)
        return connection


def receive(connection, count):
    data = bytearray()
    while len(data) < count:
        chunk = connection.recv(1 << 20)
        if not chunk:
            raise AssertionError("closed after %d of %d bytes" % (len(data), count))
        data += chunk
    return bytes(data)


def ends(name, words, status, text, memory="64", cpus="1"):
    def case(directory):
        with Guest(directory, name, words, memory, cpus=cpus) as guest:
            found = guest.finish()
            output = guest.output.decode(errors="replace")
        assert found == status, "status %d, not %d: %s" % (found, status, output)
        assert re.search(text, output, re.M), "no %r in: %s" % (text, output)
    return case


def goes_on(name, words, text):
    def case(directory):
        with Guest(directory, name, words) as guest:
            guest.wait_for(text)
            time.sleep(1)
            assert guest.process.poll() is None, "ended by itself"
    return case


def instruction(insn, hardware, emulated):
    """`emulated` is None if the emulator cannot execute the instruction."""
    expected = hardware if HARDWARE else emulated
    if expected is None:
        return goes_on("bad-instruction", "insn=" + insn, b"KVM internal error")
    return ends("bad-instruction", "insn=%s count=2" % insn, 1, "^insn=%s %s$" % (insn, expected))


def echo(words, size):
    def case(directory):
        data = os.urandom(size)
        with Guest(directory, "serial-echo", "mode=echo onclose=exit " + words, port=True) as guest:
            guest.wait_for(b'port 1 "org.test.echo" open, mode=echo')
            with guest.connect() as connection:
                back = b""
                for at in range(0, size, 100_000):
                    connection.sendall(data[at:at + 100_000])
                    back += receive(connection, min(100_000, size - at))
            assert back == data, "echo differs"
            assert guest.finish() == 1
    return case


def latency(words):
    def case(directory):
        with Guest(directory, "serial-echo", "mode=echo " + words, port=True) as guest:
            guest.wait_for(b"open, mode=echo")
            times = []
            with guest.connect() as connection:
                for i in range(2000):
                    begin = time.perf_counter()
                    connection.sendall(b"%064d" % i)
                    assert receive(connection, 64) == b"%064d" % i
                    times.append(time.perf_counter() - begin)
            times.sort()
            return "p50 %.0f us, p99 %.0f us" % (times[1000] * 1e6, times[1980] * 1e6)
    return case


def sink(words, size):
    def case(directory):
        data = os.urandom(size - 4) + b"end\n"
        with Guest(directory, "serial-echo", "mode=sink " + words, port=True) as guest:
            guest.wait_for(b"open, mode=sink")
            with guest.connect() as connection:
                begin = time.perf_counter()
                connection.sendall(data)
                checksum = 1 if "check=none" in words else zlib.adler32(data)
                line = b"sink %d bytes adler32 %x\n" % (size, checksum)
                assert receive(connection, len(line)) == line
                took = time.perf_counter() - begin
            guest.wait_for(line.strip())
            guest.wait_for(b"sink 0 bytes adler32 1")
            return "%.0f MB/s" % (size / took / 1e6)
    return case


def source(words, size):
    def case(directory):
        with Guest(directory, "serial-echo", "mode=source " + words, port=True) as guest:
            guest.wait_for(b"open, mode=source")
            with guest.connect() as connection:
                begin = time.perf_counter()
                connection.sendall(b"%d\n" % size)
                data = receive(connection, size)
                took = time.perf_counter() - begin
                connection.sendall(b"3\n")
                more = receive(connection, 3)
            pattern = bytes(range(256)) * (size // 256 + 2)
            assert data + more == pattern[:size + 3], "pattern broken"
            return "%.0f MB/s" % (size / took / 1e6)
    return case


CASES = {
    "hello": ends("hello", "", 1, "^hello from bare metal$"),
    "hello exit=5": ends("hello", "console=ttyS0 exit=5 quiet", 11, "^hello from bare metal$"),
    "triple-fault": ends("triple-fault", "", 0, r"\Atriple fault\s*\Z"),
    "halt": goes_on("halt", "", b"halting"),
    "spin cpl=0": goes_on("spin", "", b"spinning\n"),
    "spin cpl=3": goes_on("spin", "cpl=3", b"spinning at CPL3\n"),
    "insn nop": instruction("nop", "ok x 2", "ok x 2"),
    "insn ud2": instruction("ud2", "trap 6 x 2", "trap 6 x 2"),
    "insn int3": instruction("int3", "ok x 2, breakpoints 2", None),
    "insn fwait": instruction("fwait", "ok x 2", None),
    "insn popcnt": instruction("popcnt", "ok x 2", None),
    "insn avx": instruction("avx", "trap 6 x 2", None),
    "insn xsave": instruction("xsave", "trap 6 x 2", None),
    "memory": ends("memory", "", 1, "^memory ok, 63 MiB$"),
    "memory above 4 GiB": ends("memory", "", 1, "^memory ok, 5119 MiB$", memory="5G"),
    "smp": ends("smp", "", 1, "^4 CPUs count$", cpus="4"),
    "smp init": ends("smp", "mode=init", 1, "^4 CPUs count$", cpus="4"),
    "echo spin": echo("", 5_000_000),
    "echo halt": echo("wait=halt", 1_000_000),
    "echo halt pic": echo("wait=halt irqchip=pic", 1_000_000),
    "echo event_idx": echo("wait=halt event_idx=on buf=64K", 1_000_000),
    "echo small buffers": echo("buf=256", 500_000),
    "latency spin": latency(""),
    "latency halt": latency("wait=halt"),
    "sink": sink("", 20_000_001),
    "sink halt unchecked": sink("wait=halt check=none buf=16K", 20_000_000),
    "source": source("", 100_000_001),
    "source halt": source("wait=halt buf=64K", 100_000_000),
    "source event_idx": source("wait=halt event_idx=on", 20_000_000),
}


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    failures = 0
    for name, case in CASES.items():
        if len(sys.argv) == 3 and sys.argv[2] not in name:
            continue
        try:
            print("%-22s ok  %s" % (name, case(sys.argv[1]) or ""), flush=True)
        except (AssertionError, OSError, subprocess.TimeoutExpired) as failure:
            failures += 1
            print("%-22s FAILED: %s" % (name, failure), flush=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
