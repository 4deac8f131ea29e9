/**
 * The words of {@code -chardev} and {@code -device} as QEMU's users know them, and what they make.
 *
 * <p>{@link org.microvm.virtioserial.options.OptionWords} takes a list apart, {@link
 * org.microvm.virtioserial.options.DeviceOptions} and {@link
 * org.microvm.virtioserial.options.ChardevOptions} say what the words mean. Whatever is not
 * understood is refused with the list of what would be.
 */
package org.microvm.virtioserial.options;
