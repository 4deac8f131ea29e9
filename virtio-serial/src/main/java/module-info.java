/** The virtio console device: named, flow-controlled byte channels. */
module org.microvm.virtioserial {
  requires transitive org.microvm.devices;
  requires org.slf4j;
}
