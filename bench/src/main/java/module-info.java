/** Benchmarks of the command line. */
// HdrHistogram is no module and has no name for one but its file's.
@SuppressWarnings("requires-automatic")
module org.microvm.bench {
  requires HdrHistogram;
  requires info.picocli;
  requires org.microvm.agent;
  requires org.microvm.cli;
  requires org.microvm.machine;
  requires org.microvm.qmp;
  requires org.slf4j;

  opens org.microvm.bench to
      info.picocli;
}
