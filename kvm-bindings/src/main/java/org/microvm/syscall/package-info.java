/**
 * The only access to native code: system calls and the descriptors they work on. Not exported.
 *
 * <p>Everything else in this module goes through {@link org.microvm.syscall.Syscalls}; no other
 * class links a function or sees a method handle.
 */
package org.microvm.syscall;
