#!/usr/bin/env python3
"""The life of a guest with QEMU's own Python library: launched, paused, migrated to another process, shut down.

    qemu-machine.py LIBRARY BINARY KERNEL

LIBRARY is the directory python/ of QEMU's sources, KERNEL the bare-metal guest serial-echo: it echoes what its first
channel receives, and prints a line on its UART when it has opened it.
"""

import socket
import sys
import tempfile
import time

library, binary, kernel = sys.argv[1:]
sys.path.insert(0, library)
from qemu.machine import QEMUMachine  # noqa: E402

LIMIT = 30


def machine(directory, name, *args):
    vm = QEMUMachine(binary, name=name, base_temp_dir=directory, sock_dir=directory, qmp_timer=LIMIT,
                     args=["-nodefaults", "-m", "16", "-kernel", kernel, "-append", "mode=echo wait=halt",
                           "-chardev", f"socket,id=a,path={directory}/channel,server=on,wait=off",
                           "-device", "virtio-serial-device",
                           "-device", "virtserialport,chardev=a,name=test", *args])
    vm.set_machine("microvm")
    vm.set_console()
    return vm


def await_text(sock, text):
    sock.settimeout(LIMIT)
    got = b""
    while text not in got:
        got += sock.recv(4096)


def echo(sock, text):
    sock.sendall(text)
    await_text(sock, text)


def life(directory, source, target):
    source.launch()
    assert source.command("query-status")["status"] == "prelaunch"
    console = source.console_socket
    source.command("cont")
    assert source.event_wait("RESUME", timeout=LIMIT)
    await_text(console, b"port 1")
    channel = socket.socket(socket.AF_UNIX)
    channel.connect(f"{directory}/channel")
    echo(channel, b"at the source")
    source.command("stop")
    assert source.event_wait("STOP", timeout=LIMIT)
    assert source.command("query-status")["status"] == "paused"
    source.command("cont")

    target.launch()
    assert target.command("query-status")["status"] == "inmigrate"
    source.command("migrate", uri=f"unix:{directory}/migration")
    assert source.event_wait("MIGRATION", match={"data": {"status": "completed"}}, timeout=LIMIT)
    assert source.command("query-migrate")["status"] == "completed"
    assert source.command("query-status")["status"] == "postmigrate"
    echo(channel, b"at the destination")
    assert target.command("query-status")["status"] == "running"


with tempfile.TemporaryDirectory() as directory:
    begun = time.monotonic()
    with machine(directory, "source", "-S") as source, \
            machine(directory, "target", "-incoming", f"unix:{directory}/migration") as target:
        life(directory, source, target)
        source.shutdown()
        target.shutdown()
        assert (source.exitcode(), target.exitcode()) == (0, 0), (source.exitcode(), target.exitcode())
    print(f"QEMUMachine: launched, paused, migrated, shut down in {time.monotonic() - begun:.1f} s")
