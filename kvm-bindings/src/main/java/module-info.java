/**
 * Bindings to the Linux kernel: KVM, system calls, descriptors and guest memory, but no devices.
 */
module org.microvm.kvm {
  // Only for sun.misc.Signal; see ProcessSignal.
  requires jdk.unsupported;
  requires org.slf4j;

  exports org.microvm.kvm;
  exports org.microvm.linux;
  exports org.microvm.memory;
}
