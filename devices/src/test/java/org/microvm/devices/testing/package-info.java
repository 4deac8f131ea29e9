/**
 * The driver's side of virtio for tests: rings in guest memory, register accesses, interrupts.
 *
 * <p>Shipped as the test-jar of this module. Everything here checks what a driver may rely on and
 * throws {@link AssertionError} when the device breaks it; it can also be told to break the rules
 * itself.
 */
package org.microvm.devices.testing;
