package org.microvm.machine.linux;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A process in the guest that makes system calls for a test, one after the other. {@code
 * test-images/rootfs/port-probe} lists the calls.
 */
final class GuestProcess implements AutoCloseable {
  /**
   * Time limit of a call: hosts that emulate guest kernel code are slow, and a test machine may be
   * busy.
   */
  static final Duration ANSWER = Duration.ofSeconds(40);

  private static final int SIGNAL_KILL = 9;
  private static final int SIGNAL_INTERRUPT = 10;
  private static final int SIGNAL_TERMINATE = 15;

  private final ProbeConnection probe;
  private final int number;

  GuestProcess(ProbeConnection probe, int number) {
    this.probe = probe;
    this.number = number;
  }

  /** Starts a call; the answer arrives when it has ended. */
  CompletableFuture<Answer> start(String call, Object... arguments) throws IOException {
    return probe.send(number, call, arguments);
  }

  /** Makes a call and waits until it succeeds or fails. */
  Answer call(String call, Object... arguments) throws Exception {
    return get(start(call, arguments));
  }

  /** Opens a file; the mode is r, w or rw, and n for non-blocking. */
  GuestFile open(String path, String mode) throws Exception {
    return new GuestFile(this, (int) call("open", path, mode).number());
  }

  /** Waits for the link with a port's name and opens it. */
  GuestFile openPort(String name, String mode) throws Exception {
    awaitPort(name);
    return open(pathOf(name), mode);
  }

  /** Waits until there is a link with this name. */
  void awaitPort(String name) throws Exception {
    call("exists", pathOf(name), 1).checked();
  }

  /** Waits until there is no link with this name. */
  void awaitNoPort(String name) throws Exception {
    call("exists", pathOf(name), 0).checked();
  }

  /** Runs a command in the guest's shell and returns what it prints. */
  String shell(String command) throws Exception {
    return call("shell", command).text();
  }

  /** Interrupts a blocking read. */
  void interrupt() throws Exception {
    signal(SIGNAL_INTERRUPT).checked();
  }

  /** Ends a soak. */
  void terminate() throws Exception {
    signal(SIGNAL_TERMINATE).checked();
  }

  /** Ends the process and waits until it has exited. */
  @Override
  public void close() {
    CompletableFuture<Void> gone = probe.gone(number);
    try {
      if (signal(SIGNAL_KILL).isOk()) {
        gone.get(ANSWER.toSeconds(), TimeUnit.SECONDS);
      }
    } catch (Exception e) {
      throw new IllegalStateException("process " + number + " of the guest did not end in time", e);
    }
  }

  private Answer signal(int signal) throws Exception {
    return get(probe.send(0, "kill", number, signal));
  }

  static String pathOf(String name) {
    return "/dev/virtio-ports/" + name;
  }

  /** Waits for the answer to a call that was started before. */
  static Answer get(CompletableFuture<Answer> answer)
      throws InterruptedException, ExecutionException, TimeoutException {
    return answer.get(ANSWER.toSeconds(), TimeUnit.SECONDS);
  }
}
