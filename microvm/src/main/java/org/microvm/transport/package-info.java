/**
 * What the bytes of a live migration go over: unix sockets, which carry descriptors too, and TCP,
 * encrypted by TLS or not. What the bytes mean is not known here.
 */
package org.microvm.transport;
