/**
 * The host ends of ports: sockets, files, FIFOs, terminals and standard input and output.
 *
 * <p>A {@link org.microvm.virtioserial.backend.PortBackend} hands connections to its port, one
 * after the other. Each is a {@link org.microvm.virtioserial.backend.HostConnection} of
 * descriptors; the port itself moves the bytes, straight between the descriptors and guest RAM.
 */
package org.microvm.virtioserial.backend;
