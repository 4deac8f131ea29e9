/**
 * Buses, legacy devices, virtio-mmio and virtqueues. They access guest memory but do not depend on
 * a VM.
 */
module org.microvm.devices {
  requires transitive org.microvm.kvm;
  requires org.slf4j;

  exports org.microvm.devices;
  exports org.microvm.devices.bus;
  exports org.microvm.devices.legacy;
  exports org.microvm.devices.state;
  exports org.microvm.devices.virtio;
  exports org.microvm.devices.virtio.blk;
  exports org.microvm.devices.virtio.rng;
}
