/** A program that boots a guest. */
module org.example.program {
  requires org.microvm.machine;
}
