/** A machine's control socket: QMP, server and client. */
module org.microvm.qmp {
  requires transitive com.fasterxml.jackson.databind;
  requires transitive org.microvm.machine;
  requires org.slf4j;

  exports org.microvm.qmp;
}
