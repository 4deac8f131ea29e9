/** The control socket of a machine: server and client of QMP, the QEMU Machine Protocol. */
module org.microvm.qmp {
  requires transitive com.fasterxml.jackson.databind;
  requires transitive org.microvm.machine;
  requires org.microvm.socket;
  requires org.slf4j;

  exports org.microvm.qmp;
}
