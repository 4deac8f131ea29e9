package org.microvm.junit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.microvm.machine.config.MachineConfig;
import org.microvm.testing.RequiresKvm;

/** Guests that nested classes and parallel tests share. The nested classes are run separately. */
@RequiresKvm
@Timeout(120)
class SharedGuestTest {
  private static final String GUEST = "../test-images/target/bare-metal/spin";

  private static final Set<GuestVm> SEEN = ConcurrentHashMap.newKeySet();
  private static final CyclicBarrier ALL = new CyclicBarrier(3);

  @BeforeEach
  void forget() {
    SEEN.clear();
    ALL.reset();
    Directories.last = null;
    Counting.GUESTS.set(0);
  }

  @MicroVm(kernel = GUEST, memory = 16, agent = false)
  @TestMethodOrder(MethodOrderer.OrderAnnotation.class)
  static class EnclosingCase {
    @Nested
    @TestInstance(TestInstance.Lifecycle.PER_CLASS)
    @TestMethodOrder(MethodOrderer.OrderAnnotation.class)
    class InnerCase {
      private static GuestVm ofClass;
      private GuestVm field;

      @BeforeAll
      void all(GuestVm vm) {
        assertSame(vm, ofClass);
        assertSame(vm, field);
      }

      @Test
      @Order(1)
      void first(GuestVm vm) {
        SEEN.add(vm);
        vm.discard();
      }

      @Test
      @Order(2)
      void second(GuestVm vm) {
        SEEN.add(vm);
        assertSame(vm, ofClass);
        assertSame(vm, field);
      }
    }
  }

  @Test
  void nestedClass_hasTheGuestInItsFieldsFromTheStart_alsoAnotherOne() {
    TestRun run = TestRun.of(EnclosingCase.class);

    assertEquals(List.of(), run.failures());
    assertEquals(2, SEEN.size());
  }

  /** Counts the guests. */
  static final class Counting implements GuestSetup {
    private static final AtomicInteger GUESTS = new AtomicInteger();

    @Override
    public void complete(MachineConfig.Builder machine, Path directory) {
      GUESTS.incrementAndGet();
    }
  }

  /** Three tests meet, so that the three that follow find the guest unusable at the same time. */
  @MicroVm(kernel = GUEST, memory = 16, agent = false, setup = Counting.class)
  static class ParallelCase {
    @BeforeEach
    void see(GuestVm vm) {
      SEEN.add(vm);
    }

    @RepeatedTest(6)
    void meetAndDiscard(GuestVm vm) throws Exception {
      ALL.await(30, TimeUnit.SECONDS);
      vm.discard();
      ALL.await(30, TimeUnit.SECONDS);
    }
  }

  @Test
  void parallelTests_replaceADiscardedGuestOnce() {
    TestRun run =
        TestRun.of(
            Map.of(
                "junit.jupiter.execution.parallel.enabled", "true",
                "junit.jupiter.execution.parallel.mode.default", "concurrent",
                "junit.jupiter.execution.parallel.config.strategy", "fixed",
                "junit.jupiter.execution.parallel.config.fixed.parallelism", "3",
                "junit.jupiter.execution.parallel.config.fixed.max-pool-size", "3"),
            ParallelCase.class);

    assertEquals(List.of(), run.failures());
    assertEquals(6, run.succeeded());
    assertEquals(2, Counting.GUESTS.get());
    assertTrue(SEEN.stream().allMatch(vm -> vm.machine().end().isDone()), "a guest still runs");
  }

  /** Keeps the directory of a guest that cannot be configured. */
  static final class Directories implements GuestSetup {
    private static Path last;

    @Override
    public void complete(MachineConfig.Builder machine, Path directory) {
      last = directory;
      throw new AssertionError("a setup that fails");
    }
  }

  @MicroVm(kernel = GUEST, memory = 16, agent = false, setup = Directories.class)
  static class FailingSetupCase {
    @Test
    void neverRuns() {
      throw new IllegalStateException("there is no guest");
    }
  }

  @Test
  void setupWithAnError_leavesNoDirectory() {
    TestRun run = TestRun.of(FailingSetupCase.class);

    assertInstanceOf(AssertionError.class, run.failures().getFirst());
    assertFalse(Files.exists(Directories.last));
  }
}
