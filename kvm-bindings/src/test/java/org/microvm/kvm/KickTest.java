package org.microvm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.linux.Errno;
import org.microvm.testing.RequiresKvm;

/** A kick makes a vCPU's thread leave {@code KVM_RUN} in every state of the guest. */
@RequiresKvm
@Timeout(120)
class KickTest {
  private static final int KICKS = 2000;

  /** A thread that runs a vCPU and reads a message whenever it is kicked. */
  private static final class Runner implements AutoCloseable {
    static final int STOP = -1;

    final AtomicInteger mailbox = new AtomicInteger();
    final AtomicInteger taken = new AtomicInteger();
    final AtomicInteger exits = new AtomicInteger();
    final Vcpu vcpu;
    final Thread thread;

    Runner(Vcpu vcpu) {
      this.vcpu = vcpu;
      this.thread = Thread.ofPlatform().name("vcpu-0").start(this::loop);
    }

    private void loop() {
      while (taken.get() != STOP) {
        int error = vcpu.run();
        if (error == Errno.EINTR) {
          taken.set(mailbox.get());
        } else {
          exits.incrementAndGet();
        }
      }
    }

    /** Stores a message, kicks once and waits until it is read; returns how long that took. */
    long send(int message) {
      long start = System.nanoTime();
      mailbox.set(message);
      vcpu.kick();
      while (taken.get() != message) {
        if (System.nanoTime() - start > TimeUnit.SECONDS.toNanos(5)) {
          throw new AssertionError("kick " + message + " was lost");
        }
        Thread.onSpinWait();
      }
      return System.nanoTime() - start;
    }

    @Override
    public void close() {
      send(STOP);
      while (thread.isAlive()) {
        Thread.onSpinWait(); // The test's time limit ends this.
      }
    }
  }

  private static void kickManyTimes(String what, TinyGuest guest) throws Exception {
    long[] nanos = new long[KICKS];
    try (Runner runner = new Runner(guest.vcpu)) {
      for (int i = 0; i < KICKS; i++) {
        nanos[i] = runner.send(i + 1);
        if (i == KICKS / 2) {
          System.gc();
        }
      }
    }
    Arrays.sort(nanos);
    System.out.printf(
        "kick of a %s guest, %d times: p50 %d us, p99 %d us%n",
        what, KICKS, nanos[KICKS / 2] / 1000, nanos[KICKS * 99 / 100] / 1000);
  }

  @Test
  void spinningGuest_noKickIsLost() throws Exception {
    // jmp .
    try (TinyGuest guest = TinyGuest.bare(0xeb, 0xfe)) {
      kickManyTimes("spinning", guest);
    }
  }

  @Test
  void haltedGuest_noKickIsLost() throws Exception {
    // cli; hlt
    try (TinyGuest guest = TinyGuest.withIrqchip(0xfa, 0xf4)) {
      kickManyTimes("halted", guest);
    }
  }

  @Test
  void exitingGuest_noKickIsLost() throws Exception {
    // out %al,$0x44; jmp back to it
    try (TinyGuest guest = TinyGuest.bare(0xe6, 0x44, 0xeb, 0xfc)) {
      kickManyTimes("exiting", guest);
    }
  }

  @Test
  void severalKickers_theLastMessageIsAlwaysSeen() throws Exception {
    try (TinyGuest guest = TinyGuest.bare(0xeb, 0xfe);
        Runner runner = new Runner(guest.vcpu)) {
      CountDownLatch done = new CountDownLatch(2);
      Runnable noise =
          () -> {
            for (int i = 0; i < KICKS; i++) {
              guest.vcpu.kick();
            }
            done.countDown();
          };
      Thread first = Thread.ofPlatform().start(noise);
      Thread second = Thread.ofPlatform().start(noise);
      for (int i = 0; i < 200; i++) {
        runner.send(i + 1);
      }
      assertTrue(done.await(20, TimeUnit.SECONDS));
      first.join();
      second.join();

      assertEquals(0, runner.exits.get());
    }
  }

  @Test
  void kickBeforeRun_makesItReturnAtOnceAndOnce() throws Exception {
    // out %al,$0x44
    try (TinyGuest guest = TinyGuest.bare(0xe6, 0x44)) {
      guest.vcpu.kick();
      guest.vcpu.kick();

      assertEquals(Errno.EINTR, guest.vcpu.run());
      assertEquals("IO write port 0x44 size 1 count 1", guest.runToExit());
    }
  }

  @Test
  void close_whileRunningIsRefused() throws Exception {
    try (TinyGuest guest = TinyGuest.bare(0xeb, 0xfe)) {
      try (Runner running = new Runner(guest.vcpu)) {
        while (!guest.vcpu.isRunning()) {
          Thread.onSpinWait();
        }
        assertThrows(IllegalStateException.class, running.vcpu::close);
      }
    }
  }

  @Test
  void run_onAnotherThreadAfterwards() throws Exception {
    // out %al,$0x44; out %al,$0x45
    try (TinyGuest guest = TinyGuest.bare(0xe6, 0x44, 0xe6, 0x45)) {
      Thread first = Thread.ofPlatform().start(() -> guest.vcpu.run());
      first.join();
      guest.vcpu.kick();

      assertEquals(Errno.EINTR, guest.vcpu.run());
      assertEquals("IO write port 0x45 size 1 count 1", guest.runToExit());
    }
  }
}
