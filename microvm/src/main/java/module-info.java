/** The machine and its command line. */
// HdrHistogram is no module and has no name for one but its file's.
@SuppressWarnings("requires-automatic")
module org.microvm.machine {
  requires ch.qos.logback.classic;
  requires ch.qos.logback.core;
  requires transitive com.fasterxml.jackson.databind;
  requires HdrHistogram;
  requires info.picocli;
  requires jdk.jfr;
  requires org.microvm.firmware;
  requires transitive org.microvm.virtioserial;
  requires org.slf4j;

  exports org.microvm.agent;
  exports org.microvm.machine;
  exports org.microvm.qmp;

  opens org.microvm.cli to
      info.picocli;
}
