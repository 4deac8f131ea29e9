/**
 * Translates the command line of {@code qemu-system-x86_64} into the options of {@code microvm run}
 * and {@link org.microvm.cli.RunExtras}. Options for missing features are refused with the name of
 * the feature; options without effect on a machine without PCI, graphics and USB are accepted.
 */
package org.microvm.qemu;
