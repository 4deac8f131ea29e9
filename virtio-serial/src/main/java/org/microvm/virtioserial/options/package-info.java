/**
 * The specifications of chardevs and ports, and the options {@code --chardev} and {@code --device}
 * in QEMU's syntax.
 *
 * <p>A {@link org.microvm.virtioserial.options.ChardevSpec} or {@link
 * org.microvm.virtioserial.options.PortSpec} is the typed form that programs use. Text is read and
 * written at the edges only: {@link org.microvm.virtioserial.options.OptionList} knows the syntax
 * of an option list, {@link org.microvm.virtioserial.options.ChardevOptions} and {@link
 * org.microvm.virtioserial.options.DeviceOptions} know the options. What they write is read as an
 * equal specification. An unknown option is refused with a list of the accepted ones.
 */
package org.microvm.virtioserial.options;
