/**
 * Ports for programs in this JVM: they use a {@link org.microvm.virtioserial.channel.Channel} as
 * other programs use a connected unix socket.
 */
package org.microvm.virtioserial.channel;
