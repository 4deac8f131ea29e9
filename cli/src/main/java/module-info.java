/** The {@code microvm} command. */
// org.microvm.bench is compiled after this module, so the compiler does not know it yet.
@SuppressWarnings("module")
module org.microvm.cli {
  requires ch.qos.logback.classic;
  requires ch.qos.logback.core;
  requires transitive info.picocli;
  requires org.microvm.agent;
  requires org.microvm.fencing;
  requires org.microvm.machine;
  requires org.microvm.qmp;
  requires org.slf4j;

  exports org.microvm.cli to
      org.microvm.bench;

  opens org.microvm.cli to
      info.picocli;
}
