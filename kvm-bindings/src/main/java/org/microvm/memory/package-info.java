/**
 * Guest RAM as memory segments: every access is by guest-physical address and bounds-checked.
 *
 * <p>The guest chooses the addresses, so an access outside RAM throws the checked {@link
 * org.microvm.memory.GuestMemoryException}. The device must handle it; it never ends the VM.
 */
package org.microvm.memory;
