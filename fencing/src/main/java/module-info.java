/** Fencing: a guest has the host power another one off, by the serial protocol of fence_virt. */
module org.microvm.fencing {
  exports org.microvm.fencing;
}
