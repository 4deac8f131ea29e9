/**
 * Linux as this project uses it: descriptors, sockets, an event loop, mappings and guest RAM.
 *
 * <p>A descriptor's number never leaves the module; other modules hold an {@link
 * org.microvm.linux.Fd}. Who opens closes, once, and a close while another thread is in a call is
 * safe: the number goes back to the kernel when that call has returned.
 *
 * <p>Calls on the data path return a count or {@code -errno} and neither throw nor allocate; set-up
 * calls throw {@link org.microvm.linux.ErrnoException}, whose message names the call, the object
 * and the error, and where it is known what to try.
 */
package org.microvm.linux;
