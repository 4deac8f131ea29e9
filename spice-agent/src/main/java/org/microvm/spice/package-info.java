/**
 * The protocol between a guest's {@code spice-vdagentd} and the host, as far as it is about
 * clipboards (spice-protocol's {@code vd_agent.h}).
 *
 * <p>{@link org.microvm.spice.Clipboard} is one end of a connection, and {@link
 * org.microvm.spice.ClipboardHub} joins a guest's clipboard and those of several host programs. The
 * peer is not trusted: what it sends has limits, and memory is allocated for what has arrived, not
 * for what was announced.
 */
package org.microvm.spice;
