/**
 * The driver's side of virtio for tests: rings in guest memory, register accesses, interrupts.
 *
 * <p>Part of this module's test-jar. The classes check what a driver may rely on and throw {@link
 * AssertionError} if the device violates it. They can also violate the driver's rules for tests of
 * the device.
 */
package org.microvm.devices.testing;
