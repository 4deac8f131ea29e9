/** Small example programs that use channels. */
module org.microvm.examples {
  requires org.microvm.machine;
}
