/**
 * The virtio console device with many ports (virtio 1.3, section 5.3).
 *
 * <p>{@link org.microvm.virtioserial.SerialDevice} is what the machine sees: a virtio device, and
 * the host's way to add and remove ports. A {@link org.microvm.virtioserial.PortConfig} says what a
 * port promises, a {@link org.microvm.virtioserial.backend.PortBackend} where its bytes go.
 *
 * <p>All state is guarded by the device lock. Data moves only in turns on the event loop or, where
 * KVM has no ioeventfd, on the vCPU thread that kicked; nothing here blocks.
 */
package org.microvm.virtioserial;
