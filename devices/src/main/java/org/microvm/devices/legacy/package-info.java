/**
 * The few PC devices a guest expects at fixed ports: serial port, keyboard controller (for its
 * reset line), clock, and the ports through which a guest ends or restarts its machine.
 *
 * <p>Each device's Javadoc names its ports; the machine attaches it to the port bus. All devices
 * may be called from several vCPU threads and never block them.
 */
package org.microvm.devices.legacy;
