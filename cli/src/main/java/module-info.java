/** The {@code microvm} command. */
// These two are compiled after this module, so the compiler does not know them yet.
@SuppressWarnings("module")
module org.microvm.cli {
  requires ch.qos.logback.classic;
  requires ch.qos.logback.core;
  requires transitive info.picocli;
  requires org.microvm.agent;
  requires org.microvm.fencing;
  requires org.microvm.machine;
  requires transitive org.microvm.qmp;
  requires org.microvm.socket;
  requires org.microvm.spice;
  requires org.slf4j;

  exports org.microvm.cli to
      org.microvm.bench,
      org.microvm.qemu;

  opens org.microvm.cli to
      info.picocli;
}
