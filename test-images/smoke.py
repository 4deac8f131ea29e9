#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boots the images in target/images under QEMU's microvm machine and uses them as the tests do.

This checks the images without our own VMM: agent commands, an unprivileged user on a port, a port that is plugged
in later, power-off and reboot, small and large memory. Needs /dev/kvm and Debian's qemu-system-x86.

  smoke.py                 all checks
  smoke.py --profile       one boot, with the guest kernel's most expensive functions by samples of RIP
"""

import argparse
import base64
import bisect
import collections
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

IMAGES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "target", "images")
AGENT = "org.qemu.guest_agent.0"
TIMEOUT = 120


class Json:
    """A JSON conversation over a unix socket: QMP or the guest agent."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(TIMEOUT)
        deadline = time.monotonic() + 10
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        self.file = self.socket.makefile("rw")

    def send(self, command, **arguments):
        request = {"execute": command}
        if arguments:
            request["arguments"] = arguments
        self.file.write(json.dumps(request) + "\n")
        self.file.flush()

    def call(self, command, **arguments):
        self.send(command, **arguments)
        while True:
            line = self.file.readline()
            if not line:
                raise RuntimeError(f"{command}: connection closed")
            reply = json.loads(line.replace("\xff", ""))
            if "error" in reply:
                raise RuntimeError(f"{command}: {reply['error']}")
            if "return" in reply:
                return reply["return"]


class Guest:
    def __init__(self, memory, append="", profile=False):
        self.directory = tempfile.mkdtemp(prefix="smoke.")
        cmdline = open(f"{IMAGES}/cmdline").read().strip()
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-M", "microvm,acpi=off,kernel-irqchip=on,accel=kvm",
             "-cpu", "host,-arch-capabilities", "-m", str(memory), "-nodefaults", "-no-user-config",
             "-display", "none", "-no-reboot", "-serial", "stdio",
             "-kernel", f"{IMAGES}/vmlinux", "-append", f"{cmdline} {append}",
             "-qmp", f"unix:{self.path('qmp')},server=on,wait=off",
             "-drive", f"id=root,file={IMAGES}/root.img,format=raw,if=none,readonly=on",
             "-device", "virtio-blk-device,drive=root",
             "-device", "isa-debug-exit,iobase=0x604,iosize=2",
             "-device", "virtio-serial-device,max_ports=4",
             "-chardev", f"socket,id=agent,path={self.path('agent')},server=on,wait=off",
             "-device", f"virtserialport,chardev=agent,name={AGENT}",
             "-chardev", f"socket,id=late,path={self.path('late')},server=on,wait=off"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.qmp = Json(self.path("qmp"))
        self.qmp.file.readline()
        self.qmp.call("qmp_capabilities")
        self.console = b""
        self.first_output = None
        self.samples = []
        if profile:
            threading.Thread(target=self.sample, daemon=True).start()

    def path(self, name):
        return os.path.join(self.directory, name)

    def sample(self):
        thread = self.qmp.call("query-cpus-fast")[0]["thread-id"]
        with open(f"/proc/{self.process.pid}/task/{thread}/schedstat") as statistics:
            while self.process.poll() is None:
                registers = self.qmp.call("human-monitor-command", **{"command-line": "info registers"})
                words = dict(word.split("=", 1) for word in registers.split() if "=" in word)
                statistics.seek(0)
                cpu_seconds = int(statistics.read().split()[0]) / 1e9
                self.samples.append((cpu_seconds, int(words.get("RIP", "0"), 16), words.get("CPL")))
                time.sleep(0.002)

    def wait_for(self, text, timeout=TIMEOUT):
        """Reads the console up to the text, and returns the seconds since the start."""
        deadline = time.monotonic() + timeout
        while text.encode() not in self.console:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            if not data:
                raise RuntimeError(f"the console does not show '{text}', but:\n{self.console.decode(errors='replace')}")
            if self.first_output is None:
                self.first_output = time.monotonic() - self.started
            self.console += data
        self.console = self.console.split(text.encode(), 1)[1]
        return time.monotonic() - self.started

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def ready(self):
        return self.wait_for("GUEST READY")

    def wait_for_end(self, timeout=30):
        """QEMU's exit status: 1 from the power-off port (isa-debug-exit), 0 from a reset."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise RuntimeError("the guest did not end")
            ready, _, _ = select.select([self.process.stdout], [], [], 0.2)
            if ready:
                self.console += os.read(self.process.stdout.fileno(), 4096)
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory)


def expect(what, condition, detail=""):
    if not condition:
        raise RuntimeError(f"{what} {detail}")


def execute(agent, command):
    """Runs a shell command through the guest agent and returns its status and output."""
    pid = agent.call("guest-exec", path="/bin/sh", arg=["-c", command], **{"capture-output": True})["pid"]
    while True:
        status = agent.call("guest-exec-status", pid=pid)
        if status["exited"]:
            return status["exitcode"], base64.b64decode(status.get("out-data", "")).decode()
        time.sleep(0.05)


def check_agent():
    with Guest(128) as guest:
        guest.ready()
        agent = Json(guest.path("agent"))
        agent.call("guest-ping")
        expect("guest-info", agent.call("guest-info")["version"].startswith("7."))
        expect("guest-get-osinfo", agent.call("guest-get-osinfo")["id"] == "microvm")
        agent.call("guest-get-users")
        names = [interface["name"] for interface in agent.call("guest-network-get-interfaces")]
        expect("guest-network-get-interfaces", "lo" in names, names)
        expect("guest-exec", execute(agent, "echo hello; exit 3") == (3, "hello\n"))

        chardev = Json(guest.path("late"))
        guest.qmp.call("device_add", driver="virtserialport", chardev="late", name="late.port", id="late")
        status, _ = execute(agent, "for i in $(seq 50); do [ -e /dev/virtio-ports/late.port ] && exit; sleep 0.1; done; exit 1")
        expect("hot-added port", status == 0)
        status, output = execute(agent, "su agent -c 'id -un; echo from the guest > /dev/virtio-ports/late.port' 2>&1")
        expect("unprivileged user", (status, output) == (0, "agent\n"), (status, output))
        expect("its message", chardev.file.readline() == "from the guest\n")
        status, output = execute(agent, "su nobody -c 'true < /dev/virtio-ports/late.port' 2>&1")
        expect("other users", status != 0, output)
        guest.qmp.call("device_del", id="late")
        status, _ = execute(agent, "for i in $(seq 50); do [ -L /dev/virtio-ports/late.port ] || exit; sleep 0.1; done; exit 1")
        expect("removed port", status == 0)

        agent.send("guest-shutdown")
        expect("guest-shutdown", guest.wait_for_end() == 1)


def check_agent_reboot():
    with Guest(128) as guest:
        guest.ready()
        Json(guest.path("agent")).send("guest-shutdown", mode="reboot")
        expect("guest-shutdown reboot", guest.wait_for_end() == 0)


def check_shell():
    with Guest(128) as guest:
        guest.ready()
        guest.wait_for("microvm# ")
        guest.type("echo $((6 * 7)); tty")
        guest.wait_for("42")
        guest.wait_for("/dev/ttyS0")
        guest.type("exit")
        guest.wait_for("microvm# ")
        guest.type("poweroff")
        expect("poweroff", guest.wait_for_end() == 1)


def check_run():
    with Guest(128, 'microvm.run="echo one two; exit 5"') as guest:
        guest.ready()
        guest.wait_for("one two")
        guest.wait_for("GUEST EXIT 5")
        expect("power-off after microvm.run", guest.wait_for_end() == 1)


def check_memory(megabytes):
    with Guest(megabytes) as guest:
        ready = guest.ready()
        agent = Json(guest.path("agent"))
        _, output = execute(agent, "cat /proc/meminfo")
        total = int(output.split()[1]) // 1024
        # Use more than is set up at boot.
        status, _ = execute(agent, f"dd if=/dev/zero of=/tmp/fill bs=1M count={min(megabytes // 4, 64)} 2>&1")
        expect("filling /tmp", status == 0)
        print(f"    {megabytes} MiB: {guest.first_output:.1f} s to the first message, {ready:.1f} s to GUEST READY, "
              f"MemTotal {total} MiB")


def profile():
    with open(f"{IMAGES}/System.map") as lines:
        symbols = sorted((int(address, 16), name) for address, kind, name in map(str.split, lines) if kind in "tTwW")
    addresses = [address for address, _ in symbols]
    with Guest(128, profile=True) as guest:
        ready = guest.ready()
        samples = list(guest.samples)
    seconds = collections.Counter()
    before = 0
    for cpu_seconds, address, level in samples:
        name = "(user mode)" if level == "3" else symbols[bisect.bisect_right(addresses, address) - 1][1]
        seconds[name] += cpu_seconds - before
        before = cpu_seconds
    print(f"{ready:.2f} s to GUEST READY, {before:.2f} s of CPU time, {len(samples)} samples")
    for name, value in seconds.most_common(60):
        print(f"{value * 1000:7.0f} ms  {name}")


CHECKS = [
    ("guest agent, ports, power-off by agent", check_agent),
    ("reboot by agent", check_agent_reboot),
    ("console shell, poweroff", check_shell),
    ("microvm.run", check_run),
    ("64 MiB", lambda: check_memory(64)),
    ("8 GiB", lambda: check_memory(8192)),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", action="store_true", help="profile one boot")
    if parser.parse_args().profile:
        profile()
        return 0
    failures = 0
    for name, check in CHECKS:
        try:
            check()
            print(f"ok      {name}")
        except (RuntimeError, OSError, ValueError) as problem:
            failures += 1
            print(f"FAILED  {name}: {problem}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
