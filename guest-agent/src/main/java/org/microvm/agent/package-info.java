/**
 * A client for the QEMU guest agent's protocol (JSON objects, a line each, as {@code
 * docs/interop/qemu-ga} of QEMU describes) over the host end of a channel.
 */
package org.microvm.agent;
