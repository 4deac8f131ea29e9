/**
 * The control socket of a running machine. It implements QMP, the QEMU Machine Protocol, so that
 * tools for QEMU work with it: a greeting, {@code qmp_capabilities}, commands whose id is returned
 * in the reply, errors with a class and a description, events with a time stamp.
 *
 * <p>{@link org.microvm.qmp.QmpServer} serves the socket, {@link org.microvm.qmp.QmpClient}
 * connects to it, and {@link org.microvm.qmp.QmpTarget} is the machine that is controlled.
 *
 * <p>Differences from QEMU: several clients are served at the same time, and each receives all
 * events; {@code yank} is the only command that can be sent out of band; the names of commands that
 * QEMU lacks begin with {@code x-}.
 *
 * @see <a href="https://www.qemu.org/docs/master/interop/qmp-spec.html">the protocol</a>
 */
package org.microvm.qmp;
