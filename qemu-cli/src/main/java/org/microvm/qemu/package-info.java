/**
 * Translates the command line of {@code qemu-system-x86_64} into the options of {@code microvm run}
 * and {@link org.microvm.cli.RunExtras}. What this VMM does not have is refused by name; what has
 * no effect on a machine without PCI, graphics and USB is accepted.
 */
package org.microvm.qemu;
