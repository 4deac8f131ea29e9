/**
 * Where the bytes of a port come from and go to on the host.
 *
 * <p>A {@link org.microvm.virtioserial.backend.PortBackend} hands its port one connection after the
 * other, each a {@link org.microvm.virtioserial.backend.HostLink} of descriptors; the port moves
 * the bytes itself, straight between them and guest RAM.
 */
package org.microvm.virtioserial.backend;
