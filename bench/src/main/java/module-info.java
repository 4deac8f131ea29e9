/** Benchmarks of the {@code microvm} command. */
// HdrHistogram is an automatic module whose name comes from its file name.
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
