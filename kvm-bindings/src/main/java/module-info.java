/** The kernel's interfaces, and nothing that knows what a device is. */
module org.microvm.kvm {
  // For sun.misc.Signal alone; see WindowSignal.
  requires jdk.unsupported;
  requires org.slf4j;

  exports org.microvm.kvm;
  exports org.microvm.linux;
  exports org.microvm.memory;
}
