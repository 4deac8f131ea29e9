package org.microvm.cli.named;

import java.nio.charset.Charset;

/** The encoding of command lines and of names of files. */
final class NativeText {
  /** What the JVM uses to start a process. */
  static final Charset CHARSET =
      Charset.forName(
          System.getProperty("sun.jnu.encoding", Charset.defaultCharset().name()),
          Charset.defaultCharset());

  private NativeText() {}
}
