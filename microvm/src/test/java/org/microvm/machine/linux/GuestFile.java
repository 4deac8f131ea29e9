package org.microvm.machine.linux;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** A file, mostly a port, that a process in the guest has open. */
final class GuestFile {
  private final GuestProcess process;
  private final int descriptor;

  GuestFile(GuestProcess process, int descriptor) {
    this.process = process;
    this.descriptor = descriptor;
  }

  /** Begins a call about this file. */
  CompletableFuture<Answer> start(String call, Object... arguments) throws IOException {
    List<Object> all = new ArrayList<>(List.of(arguments));
    all.addFirst(descriptor);
    return process.start(call, all.toArray());
  }

  /** Makes a call about this file. */
  Answer call(String call, Object... arguments) throws Exception {
    return GuestProcess.get(start(call, arguments));
  }

  /** One read of up to so many bytes. */
  Answer read(int bytes) throws Exception {
    return call("read", bytes);
  }

  /** One write. */
  Answer write(String text) throws Exception {
    return call("write", text);
  }

  /** What poll says now: of IN, OUT, HUP, ERR, in this order. */
  String poll() throws Exception {
    return String.join(" ", call("poll").checked().words());
  }

  /** Waits until exactly these, say {@code IN,OUT}, are so. */
  void await(String events) throws Exception {
    call("await", events).checked();
  }

  /** Begins to send a part of a stream. */
  CompletableFuture<Answer> send(int stream, long from, long bytes) throws IOException {
    return start("send", stream, from, bytes);
  }

  /** Begins to receive a part of a stream. */
  CompletableFuture<Answer> receive(int stream, long from, long bytes) throws IOException {
    return start("receive", stream, from, bytes);
  }

  /** Closes it in the guest. */
  void close() throws Exception {
    call("close").checked();
  }
}
