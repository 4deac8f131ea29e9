/**
 * Guest RAM as memory segments: every access is by guest-physical address and checked.
 *
 * <p>The guest chooses the addresses, so an access outside RAM is a checked {@link
 * org.microvm.memory.GuestMemoryException} that a device must answer, never an end of the VM.
 */
package org.microvm.memory;
