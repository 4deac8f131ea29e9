package org.microvm.cli.named;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.util.Arrays;

/**
 * Receives what a guest writes to its console, and passes it to a stream, a log and all viewers.
 * Viewers never delay the guest.
 */
public final class ConsoleHub extends OutputStream {
  /** How much a viewer sees of what was written before it attached. */
  static final int SCROLL_BACK_BYTES = 64 << 10;

  private static final long LOG_BYTES = 1 << 20;

  private final OutputStream stream;
  private final BoundedLog log;
  private final ScrollBack scrollBack = new ScrollBack(SCROLL_BACK_BYTES);
  private final QueryTerminal asked = new QueryTerminal();
  private final TerminalQueries queries = new TerminalQueries();
  private volatile boolean terminal;

  /**
   * Creates the hub.
   *
   * @param files of the machine; its console log is created
   * @param stream where the console goes as well; it is not closed here
   * @throws IOException if the log cannot be created
   */
  public ConsoleHub(MachineFiles files, OutputStream stream) throws IOException {
    this(new BoundedLog(files.consoleLog(), LOG_BYTES), stream);
  }

  private ConsoleHub(BoundedLog log, OutputStream stream) {
    this.log = log;
    this.stream = stream;
  }

  /**
   * Creates the hub of a guest that moves here from another process, which writes the log until
   * then.
   *
   * @param files of the machine
   * @return the hub; its viewers see the end of the log first
   * @throws IOException if the log cannot be read or written
   */
  public static ConsoleHub continued(MachineFiles files) throws IOException {
    ConsoleHub hub =
        new ConsoleHub(
            BoundedLog.continued(files.consoleLog(), LOG_BYTES), OutputStream.nullOutputStream());
    byte[] text = Files.readAllBytes(files.consoleLog());
    hub.scrollBack.write(text, 0, text.length);
    return hub;
  }

  /** Declares the stream a terminal, which may answer queries of programs in the guest. */
  public void streamIsTerminal() {
    asked.joined(stream);
    terminal = true;
  }

  /** Records that the user of the stream's terminal has typed. */
  public void typed() {
    asked.typed(stream);
  }

  /** Returns the selection of the terminal that receives queries. */
  QueryTerminal asked() {
    return asked;
  }

  /** The bytes for the viewers. */
  ScrollBack scrollBack() {
    return scrollBack;
  }

  @Override
  public void write(int value) throws IOException {
    write(new byte[] {(byte) value}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    // The stream is last, because it may fail, for example if its reader is gone.
    scrollBack.write(bytes, offset, length);
    log.write(bytes, offset, length);
    if (terminal && !asked.isAsked(stream)) {
      stream.write(queries.without(Arrays.copyOfRange(bytes, offset, offset + length)));
    } else {
      stream.write(queries.with(Arrays.copyOfRange(bytes, offset, offset + length)));
    }
  }

  @Override
  public void flush() throws IOException {
    stream.flush();
  }

  /** Ends the viewers' output once they have got everything, and closes the log. */
  @Override
  public void close() throws IOException {
    scrollBack.end();
    log.close();
  }
}
