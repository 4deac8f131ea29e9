package org.microvm.bench;

/**
 * The work of the benchmark guest; see {@code test-images/bare-metal/guests/bench.c}.
 *
 * @param mode of the guest
 * @param bufferBytes size of the guest's buffers
 * @param ports number of ports
 * @param halts whether the guest halts when it is idle; otherwise it spins
 */
record Workload(Mode mode, int bufferBytes, int ports, boolean halts) {
  /** Direction of the bytes. */
  enum Mode {
    /** The guest sends. */
    SOURCE("source", "guest to host"),
    /** The guest receives. */
    SINK("sink", "host to guest"),
    /** The guest sends back. */
    ECHO("echo", "echo"),
    /** The guest sends as Linux sends to a text console. */
    CONSOLE("hvc", "console output");

    final String word;
    final String title;

    Mode(String word, String title) {
      this.word = word;
      this.title = title;
    }
  }

  static Workload stream(Mode mode, int bufferBytes) {
    return new Workload(mode, bufferBytes, 1, false);
  }

  /** The guest's command line. */
  String commandLine() {
    return "mode=%s buf=%d ports=%d wait=%s"
        .formatted(mode.word, bufferBytes, ports, halts ? "halt" : "spin");
  }

  /** The title in reports. */
  String title() {
    if (mode == Mode.ECHO) {
      return "echo of %d B".formatted(ChannelBenchmark.MESSAGE_BYTES)
          + (halts ? ", guest halts" : "");
    }
    String size = bufferBytes % 1024 == 0 ? bufferBytes / 1024 + " KiB" : bufferBytes + " B";
    return mode.title
        + ", "
        + size
        + (ports == 1 ? "" : ", " + ports + " ports")
        + (halts ? ", guest halts" : "");
  }
}
