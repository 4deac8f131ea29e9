/**
 * Tests inside a real kernel: {@link org.microvm.junit.MicroVm} on a class or a method boots a
 * guest, and a parameter or a field of type {@link org.microvm.junit.GuestVm} is that guest.
 */
package org.microvm.junit;
