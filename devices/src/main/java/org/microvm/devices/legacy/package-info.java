/**
 * The few PC devices a guest expects at fixed ports: serial port, keyboard controller (for its
 * reset line), clock, and the ports through which a guest ends or restarts its machine.
 *
 * <p>Each device says in its Javadoc where it sits; the machine attaches it to the port bus. All
 * are safe to call from several vCPU threads and none ever blocks one.
 */
package org.microvm.devices.legacy;
