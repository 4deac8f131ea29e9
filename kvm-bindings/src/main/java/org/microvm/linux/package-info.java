/**
 * Linux as this project uses it: descriptors, sockets, an event loop, mappings and guest RAM.
 *
 * <p>A descriptor's number never leaves the module; other modules hold an {@link
 * org.microvm.linux.Fd}. The code that opens a descriptor closes it. It is safe to close it while
 * another thread is in a call: the number is returned to the kernel when that call has ended.
 *
 * <p>Calls on the data path return a count or {@code -errno} and neither throw nor allocate; set-up
 * calls throw {@link org.microvm.linux.ErrnoException}, whose message names the call, the object,
 * the error and, where known, a remedy.
 */
package org.microvm.linux;
