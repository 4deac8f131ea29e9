package org.microvm.machine.linux;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** A file, usually a port, that a process in the guest has open. */
final class GuestFile {
  private final GuestProcess process;
  private final int descriptor;

  GuestFile(GuestProcess process, int descriptor) {
    this.process = process;
    this.descriptor = descriptor;
  }

  /** Starts a call on this file. */
  CompletableFuture<Answer> start(String call, Object... arguments) throws IOException {
    List<Object> all = new ArrayList<>(List.of(arguments));
    all.addFirst(descriptor);
    return process.start(call, all.toArray());
  }

  /** Makes a call on this file. */
  Answer call(String call, Object... arguments) throws Exception {
    return GuestProcess.get(start(call, arguments));
  }

  /** Makes one read of up to the given number of bytes. */
  Answer read(int bytes) throws Exception {
    return call("read", bytes);
  }

  /** Makes one write. */
  Answer write(String text) throws Exception {
    return call("write", text);
  }

  /** The events that poll reports now: IN, OUT, HUP, ERR, in this order. */
  String poll() throws Exception {
    return String.join(" ", call("poll").checked().words());
  }

  /** Waits until poll reports exactly these events, such as {@code IN,OUT}. */
  void await(String events) throws Exception {
    call("await", events).checked();
  }

  /** Starts to send part of a stream. */
  CompletableFuture<Answer> send(int stream, long from, long bytes) throws IOException {
    return start("send", stream, from, bytes);
  }

  /** Starts to receive part of a stream. */
  CompletableFuture<Answer> receive(int stream, long from, long bytes) throws IOException {
    return start("receive", stream, from, bytes);
  }

  /** Closes the file in the guest. */
  void close() throws Exception {
    call("close").checked();
  }
}
