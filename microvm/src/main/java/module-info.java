/** The machine and its command line. */
module org.microvm.machine {
  requires org.microvm.firmware;
  requires org.microvm.virtioserial;
  requires org.slf4j;
}
