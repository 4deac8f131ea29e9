/**
 * Connections of host programs to unix sockets, for clients that use no other module of this
 * project.
 */
package org.microvm.socket;
