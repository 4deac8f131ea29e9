/**
 * Byte streams for live migrations: unix sockets, which also pass descriptors, and TCP with or
 * without TLS. The content is defined elsewhere, by the migration protocol.
 *
 * <p>A {@link org.microvm.transport.Transport} is a connection; a {@link
 * org.microvm.transport.TransportListener} accepts them. {@link
 * org.microvm.transport.TlsCredentials} reads certificates and keys and does the TLS handshake.
 */
package org.microvm.transport;
