package org.microvm.agent;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * The input stream of a program: what {@link StreamScript} reads from two files in turn. A daemon
 * thread reads the source, because that may wait forever.
 */
final class StreamInput {
  /** The most bytes in a file. */
  private static final int MAX = 1 << 20;

  private static final byte[] END = new byte[0];

  private final BlockingQueue<byte[]> queue = new ArrayBlockingQueue<>(4);
  private final GuestFile commands;
  private final GuestFile[] files = new GuestFile[2];
  private final boolean[] used = new boolean[2];
  private volatile IOException failure;
  private byte[] first;
  private int turn;
  private boolean ended;

  private StreamInput(GuestFiles files, String directory) throws IOException {
    commands = files.open(directory + "/c", OpenMode.UPDATE);
    for (int i = 0; i < this.files.length; i++) {
      this.files[i] = files.open(directory + "/i" + i, OpenMode.CREATE);
    }
  }

  static StreamInput start(GuestFiles files, String directory, InputStream source)
      throws IOException {
    StreamInput input = new StreamInput(files, directory);
    Thread.ofPlatform().daemon().name("guest-input").start(() -> input.readAll(source));
    return input;
  }

  private void readAll(InputStream source) {
    try {
      byte[] bytes = new byte[PieceSize.MAX];
      for (int count = source.read(bytes); count >= 0; count = source.read(bytes)) {
        if (count > 0) {
          queue.put(Arrays.copyOf(bytes, count));
        }
      }
      queue.put(END);
    } catch (IOException e) {
      failure = e;
    } catch (RuntimeException | Error e) {
      // A stream of the caller may throw anything; the program in the guest waits for its input.
      failure = new IOException("cannot read the program's input: " + e, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Waits until there is more input, or the time has passed. */
  void await(long nanos) throws InterruptedException {
    if (first == null && !ended) {
      first = queue.poll(nanos, TimeUnit.NANOSECONDS);
    } else {
      TimeUnit.NANOSECONDS.sleep(nanos);
    }
  }

  /** Moves what has been read, if the guest has room; returns whether something was moved. */
  boolean move() throws IOException {
    if (failure != null) {
      throw failure;
    }
    if (first == null && !ended) {
      first = queue.poll();
    }
    if (first == null) {
      return false;
    }
    if (first == END) {
      command("end");
      ended = true;
      first = null;
      return true;
    }
    GuestFile file = files[turn];
    if (used[turn]) {
      if (file.seek(0, GuestFile.Whence.END) > 0) {
        return false; // The program has not read it yet.
      }
      file.seek(0, GuestFile.Whence.SET);
    }
    int written = 0;
    while (first != null && first != END && written < MAX) {
      file.writePieces(first, first.length);
      written += first.length;
      first = queue.poll();
    }
    file.flush();
    used[turn] = true;
    command(Integer.toString(turn));
    turn = 1 - turn;
    return true;
  }

  private void command(String line) throws IOException {
    commands.write((line + "\n").getBytes(StandardCharsets.US_ASCII));
    commands.flush();
  }

  void close() throws IOException {
    commands.close();
    for (GuestFile file : files) {
      file.close();
    }
  }
}
