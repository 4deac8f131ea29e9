/**
 * The virtio console device with many ports (virtio 1.3, section 5.3).
 *
 * <p>{@link org.microvm.virtioserial.SerialDevice} is the virtio device that the machine installs,
 * and the interface through which the host adds and removes ports. A {@link
 * org.microvm.virtioserial.PortConfig} defines the limits and behaviour of a port; a {@link
 * org.microvm.virtioserial.backend.PortBackend} is its host end.
 *
 * <p>All state is guarded by the device lock. Data moves only in bounded turns on the event loop
 * or, without ioeventfds, on the vCPU thread that wrote the notification; nothing here blocks.
 */
package org.microvm.virtioserial;
