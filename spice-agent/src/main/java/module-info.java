/** The clipboard of a guest, over the protocol of the SPICE agent. */
module org.microvm.spice {
  requires org.microvm.socket;
  requires org.slf4j;

  exports org.microvm.spice;
}
