/**
 * A client of the QEMU guest agent, over the host end of a channel. The protocol consists of JSON
 * objects, one per line; see {@code docs/interop/qemu-ga} of QEMU.
 */
package org.microvm.agent;
