/**
 * Tests inside a real kernel: the annotation {@link org.microvm.junit.MicroVm} on a class or method
 * boots a guest, which is injected into parameters and fields of type {@link
 * org.microvm.junit.GuestVm}.
 */
package org.microvm.junit;
