/** What the guest finds at its first instruction: kernel, boot parameters, tables. */
module org.microvm.firmware {
  requires transitive org.microvm.kvm;
  requires org.slf4j;
}
