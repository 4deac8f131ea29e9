/**
 * The options {@code --chardev} and {@code --device}, in QEMU's syntax.
 *
 * <p>{@link org.microvm.virtioserial.options.OptionWords} parses an option list; {@link
 * org.microvm.virtioserial.options.DeviceOptions} and {@link
 * org.microvm.virtioserial.options.ChardevOptions} create ports and backends from it. An unknown
 * option is refused with a list of the accepted ones.
 */
package org.microvm.virtioserial.options;
