/** QEMU's command line for this VMM. */
module org.microvm.qemu {
  requires com.fasterxml.jackson.databind;
  requires org.microvm.cli;
  requires org.microvm.qmp;
}
