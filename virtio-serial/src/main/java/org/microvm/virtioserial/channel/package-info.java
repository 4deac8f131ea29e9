/**
 * Ports for programs in this JVM: a {@link org.microvm.virtioserial.channel.Channel} is to such a
 * program what a connected unix socket is to one outside.
 */
package org.microvm.virtioserial.channel;
