/**
 * Fencing: on request of a guest, the host powers another guest off. The protocol is the serial one
 * of fence_virt.
 */
module org.microvm.fencing {
  exports org.microvm.fencing;
}
