/** Small example programs that use channels. */
module org.microvm.examples {
  requires org.microvm.agent;
  requires org.microvm.machine;
  requires org.microvm.spice;
}
