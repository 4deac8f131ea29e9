package org.microvm.machine.vcpu;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class PauseGateTest {
  private final PauseGate gate = new PauseGate();
  private final AtomicBoolean ended = new AtomicBoolean();

  /** A thread that passes the gate as a vCPU does; completes once it has passed. */
  private CompletableFuture<Void> vcpu() {
    CompletableFuture<Void> passed = new CompletableFuture<>();
    Thread.ofPlatform()
        .daemon()
        .start(
            () -> {
              gate.pass(ended::get);
              passed.complete(null);
            });
    return passed;
  }

  private boolean await(int vcpus) throws InterruptedException {
    return gate.await(vcpus, ended::get);
  }

  @Test
  void openGate_letsAVcpuPass() {
    vcpu().join();

    assertFalse(gate.isClosed());
  }

  @Test
  void closedGate_holdsVcpusUntilItIsOpened() throws Exception {
    gate.close();
    CompletableFuture<Void> first = vcpu();
    CompletableFuture<Void> second = vcpu();

    assertTrue(await(2));
    assertFalse(first.isDone() || second.isDone());

    gate.open();
    CompletableFuture.allOf(first, second).join();
  }

  @Test
  void await_onAnOpenGate_isFalseAtOnce() throws Exception {
    assertFalse(await(1));
  }

  @Test
  void await_endsWhenTheGateIsOpenedBeforeAllVcpusWait() throws Exception {
    gate.close();
    CompletableFuture<Void> vcpu = vcpu();
    assertTrue(await(1));
    CompletableFuture<Boolean> both = CompletableFuture.supplyAsync(() -> awaitUninterrupted(2));

    gate.open();

    assertFalse(both.join());
    vcpu.join();
  }

  private boolean awaitUninterrupted(int vcpus) {
    try {
      return await(vcpus);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void end_letsAVcpuPassAClosedGate() throws Exception {
    gate.close();
    CompletableFuture<Void> vcpu = vcpu();
    assertTrue(await(1));

    ended.set(true);
    gate.wake();

    vcpu.join();
    assertTrue(gate.isClosed());
  }

  @Test
  void end_makesAwaitFalse() throws Exception {
    gate.close();
    ended.set(true);

    assertFalse(await(1));
  }

  @Test
  void gate_closedAgain_holdsTheNextVcpu() throws Exception {
    gate.close();
    CompletableFuture<Void> first = vcpu();
    assertTrue(await(1));
    gate.open();
    first.join();

    gate.close();
    CompletableFuture<Void> next = vcpu();

    assertTrue(await(1));
    assertFalse(next.isDone());
    gate.open();
    next.join();
  }

  @Test
  void await_canBeInterrupted() {
    gate.close();
    Thread.currentThread().interrupt();

    assertThrows(InterruptedException.class, () -> await(1));
  }
}
