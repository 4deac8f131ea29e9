package org.microvm.agent;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** One output stream of a program: the row of files that {@link StreamScript} writes. */
final class StreamOutput {
  private static final byte[] CREDIT = "\n".getBytes(StandardCharsets.US_ASCII);

  private final GuestFiles files;
  private final String path;
  private final GuestFile credits;
  private final OutputStream target;
  private final TimeLimit limit;

  private GuestFile file;
  private int next;
  private boolean begun;
  private boolean ended;

  /** Throws once the program has run for too long. */
  @FunctionalInterface
  interface TimeLimit {
    void check() throws IOException;
  }

  /**
   * Opens the stream.
   *
   * @param path of its files, without their numbers
   * @param credits the FIFO for credits
   */
  StreamOutput(GuestFiles files, String path, String credits, OutputStream target, TimeLimit limit)
      throws IOException {
    this.files = files;
    this.path = path;
    this.credits = files.open(credits, OpenMode.UPDATE);
    this.target = target;
    this.limit = limit;
    credit();
  }

  private void credit() throws IOException {
    credits.write(CREDIT);
    credits.flush();
  }

  /** Writes what has arrived to the target; returns whether there was something. */
  boolean move() throws IOException {
    if (file == null && !openNext()) {
      return false;
    }
    boolean moved = read();
    if (moved || !begun && !ended) {
      return moved;
    }
    GuestFile former = file;
    if (!openNext()) {
      return false;
    }
    GuestFile following = file;
    file = former;
    // The script starts a file after the one before is complete, so this reads its rest.
    while (read()) {
      moved = true;
    }
    former.close();
    credit();
    file = following;
    begun = false;
    return true;
  }

  private boolean read() throws IOException {
    limit.check(); // An agent may always have more.
    byte[] bytes = file.readPiece().bytes();
    if (bytes.length == 0) {
      return false;
    }
    begun = true;
    target.write(bytes);
    target.flush();
    return true;
  }

  private boolean openNext() throws IOException {
    GuestFile opened = openIfThere(path + next);
    if (opened == null) {
      return false;
    }
    file = opened;
    next++;
    return true;
  }

  private GuestFile openIfThere(String name) throws IOException {
    try {
      return files.open(name, OpenMode.READ);
    } catch (UnknownCommandException e) {
      throw e;
    } catch (AgentCommandException e) {
      if (e.saysNoSuchFile()) {
        return null;
      }
      throw e;
    }
  }

  /**
   * Whether all has been moved; call it after {@link #move} returned false and the program ended.
   *
   * @throws AgentException if part of the output is lost
   */
  boolean isComplete() throws IOException {
    if (ended) {
      return true;
    }
    try (GuestFile end = openIfThere(path + ".end")) {
      String status =
          end == null ? "" : new String(end.read(16).bytes(), StandardCharsets.US_ASCII);
      if (!status.endsWith("\n")) {
        return false;
      }
      ended = true;
      while (move()) {
        // The script had written this before its end.
      }
      if (!status.startsWith("0")) {
        throw new AgentProtocolException(
            "the guest cannot keep the program's output in " + path + "*: no space is left");
      }
      return true;
    }
  }

  void close() throws IOException {
    credits.close();
    if (file != null) {
      file.close();
    }
  }
}
