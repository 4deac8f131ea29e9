/** The virtio console device: named, flow-controlled byte channels. */
module org.microvm.virtioserial {
  requires transitive org.microvm.devices;
  requires transitive org.microvm.kvm;
  requires transitive org.microvm.spice;
  requires jdk.jfr;
  requires org.slf4j;

  exports org.microvm.virtioserial;
  exports org.microvm.virtioserial.backend;
  exports org.microvm.virtioserial.channel;
  exports org.microvm.virtioserial.options;
}
