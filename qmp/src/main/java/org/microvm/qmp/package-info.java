/**
 * The control socket of a running machine. It speaks QMP, the QEMU Machine Protocol, so that what
 * people have for QEMU works: a greeting, {@code qmp_capabilities}, commands with an id that comes
 * back, errors with a class and a description, events with a time stamp.
 *
 * <p>{@link org.microvm.qmp.QmpServer} is the socket and {@link org.microvm.qmp.QmpClient} the
 * other end of it. {@link org.microvm.qmp.QmpTarget} is what is controlled.
 *
 * <p>What differs from QEMU: several clients are served at a time, and all of them get the events;
 * there are no out-of-band commands; commands that are not QEMU's begin with {@code x-}.
 *
 * @see <a href="https://www.qemu.org/docs/master/interop/qmp-spec.html">the protocol</a>
 */
package org.microvm.qmp;
