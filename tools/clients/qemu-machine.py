#!/usr/bin/env python3
"""The life of a guest with QEMU's own Python library: launched, paused, migrated to another process, shut down.

    qemu-machine.py LIBRARY BINARY KERNEL

LIBRARY is the directory python/ of QEMU's sources, KERNEL a guest that echoes what its UART receives.
"""

import sys
import tempfile
import time

library, binary, kernel = sys.argv[1:]
sys.path.insert(0, library)
from qemu.machine import QEMUMachine  # noqa: E402


def machine(directory, name, *args):
    vm = QEMUMachine(binary, name=name, base_temp_dir=directory, sock_dir=directory,
                     args=["-nodefaults", "-m", "16", "-kernel", kernel, *args])
    vm.set_machine("microvm")
    vm.set_console()
    return vm


def echoed(vm, text):
    vm.console_socket.sendall(text)
    got = b""
    while text not in got:
        got += vm.console_socket.recv(100)


with tempfile.TemporaryDirectory() as directory:
    begun = time.monotonic()
    source = machine(directory, "source")
    target = machine(directory, "target", "-incoming", f"unix:{directory}/migration")
    source.launch()
    assert source.command("query-status")["status"] == "running"
    echoed(source, b"at the source")
    source.command("stop")
    assert source.event_wait("STOP", timeout=10)
    source.command("cont")

    target.launch()
    assert target.command("query-status")["status"] == "inmigrate"
    source.command("migrate", uri=f"unix:{directory}/migration")
    assert source.event_wait("MIGRATION", match={"data": {"status": "completed"}}, timeout=30)
    assert source.command("query-migrate")["status"] == "completed"
    assert source.command("query-status")["status"] == "postmigrate"
    target.event_wait("RESUME", timeout=1)
    assert target.command("query-status")["status"] == "running"
    echoed(target, b"at the destination")

    source.shutdown()
    target.shutdown()
    assert (source.exitcode(), target.exitcode()) == (0, 0), (source.exitcode(), target.exitcode())

    paused = machine(directory, "paused", "-S")
    paused.launch()
    assert paused.command("query-status")["status"] == "prelaunch"
    paused.command("cont")
    assert paused.event_wait("RESUME", timeout=10)
    echoed(paused, b"started by cont")
    paused.shutdown(hard=True)
    print(f"QEMUMachine: launched, paused, migrated, shut down in {time.monotonic() - begun:.1f} s")
