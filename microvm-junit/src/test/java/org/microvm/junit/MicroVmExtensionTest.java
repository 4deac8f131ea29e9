package org.microvm.junit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.microvm.machine.config.GuestImages;
import org.microvm.machine.config.MachineConfig;
import org.microvm.testing.ChildJvm;
import org.microvm.testing.RequiresKvm;

/**
 * The lifetime of guests. The guests are bare-metal programs, which boot in milliseconds. The
 * nested classes are run by the tests of this class in a separate JUnit run.
 */
@RequiresKvm
@Timeout(120)
class MicroVmExtensionTest {
  /** Relative to the module's directory, where tests run. */
  private static final String GUEST = "../test-images/target/bare-metal/spin";

  private static final List<GuestVm> SEEN = new ArrayList<>();
  private static final CyclicBarrier BOTH = new CyclicBarrier(2);

  @BeforeEach
  void forget() {
    SEEN.clear();
    BOTH.reset();
  }

  @AfterEach
  void nothingIsLeftBehind() {
    for (GuestVm vm : SEEN) {
      assertTrue(vm.machine().end().isDone(), "the machine still runs");
      assertFalse(Files.exists(vm.directory()), vm.directory() + " is still there");
    }
    Set<Thread> threads = Thread.getAllStackTraces().keySet();
    assertFalse(threads.stream().anyMatch(thread -> thread.getName().startsWith("vcpu-")));
  }

  private static synchronized void see(GuestVm vm) {
    assertNotNull(vm);
    SEEN.add(vm);
  }

  @MicroVm(kernel = GUEST, memory = 16, agent = false)
  static class OneForAllCase {
    private static GuestVm ofClass;
    private GuestVm field;

    @BeforeAll
    static void all(GuestVm vm) {
      see(vm);
      assertSame(vm, ofClass);
    }

    @Test
    void first(GuestVm vm) {
      see(vm);
      assertSame(vm, field);
    }

    @Test
    void second() {
      see(field);
    }

    @Nested
    class InnerCase {
      @Test
      void third(GuestVm vm) {
        see(vm);
        assertSame(vm, field);
      }
    }

    @Test
    @MicroVm(kernel = GUEST, memory = 16, agent = false)
    void own(GuestVm vm) {
      assertNotSame(ofClass, vm);
      assertSame(vm, field);
    }
  }

  @Test
  void classScope_allTestsShareAGuest_unlessTheyHaveTheirOwn() {
    TestRun run = TestRun.of(OneForAllCase.class);

    assertEquals(List.of(), run.failures());
    assertEquals(4, run.succeeded());
    assertEquals(1, Set.copyOf(SEEN).size());
  }

  @MicroVm(kernel = GUEST, memory = 16, agent = false, scope = MicroVm.Scope.METHOD)
  static class OneForEachCase {
    private GuestVm field;

    @Test
    void first(GuestVm vm) {
      see(vm);
      assertSame(vm, field);
    }

    @Test
    void second(GuestVm vm) {
      see(vm);
    }
  }

  @Test
  void methodScope_everyTestHasAGuestOfItsOwn() {
    TestRun run = TestRun.of(OneForEachCase.class);

    assertEquals(List.of(), run.failures());
    assertEquals(2, Set.copyOf(SEEN).size());
  }

  @MicroVm(kernel = GUEST, memory = 16, agent = false)
  @TestMethodOrder(MethodOrderer.MethodName.class)
  static class DiscardingCase {
    private static GuestVm ofClass;
    private GuestVm field;

    @Test
    void first(GuestVm vm) {
      see(vm);
      vm.discard();
    }

    @Test
    void second(GuestVm vm) {
      see(vm);
      assertSame(vm, field);
      assertSame(vm, ofClass);
    }

    @Test
    void third(GuestVm vm) {
      see(vm);
    }
  }

  @Test
  void discardedGuest_isReplacedForTheTestsThatFollow() {
    TestRun run = TestRun.of(DiscardingCase.class);

    assertEquals(List.of(), run.failures());
    assertEquals(2, Set.copyOf(SEEN).size());
    assertNotSame(SEEN.get(0), SEEN.get(1));
    assertSame(SEEN.get(1), SEEN.get(2));
  }

  @MicroVm(kernel = GUEST, memory = 16, agent = false)
  @TestMethodOrder(MethodOrderer.MethodName.class)
  static class EndingCase {
    @Test
    void first(GuestVm vm) throws Exception {
      see(vm);
      vm.machine().stop();
      vm.machine().end().get(30, TimeUnit.SECONDS);
      fail("fails on purpose");
    }

    @Test
    void second(GuestVm vm) {
      see(vm);
      assertNotSame(SEEN.getFirst(), vm);
      assertFalse(vm.machine().end().isDone());
    }
  }

  @Test
  void guestThatEndedInAFailedTest_isReplaced() {
    TestRun run = TestRun.of(EndingCase.class);

    assertEquals(
        List.of("fails on purpose"), run.failures().stream().map(Throwable::getMessage).toList());
    assertEquals(0, run.failures().getFirst().getSuppressed().length);
    assertEquals(1, run.succeeded());
  }

  @MicroVm(kernel = GUEST, memory = 16, agent = false)
  static class FailingCase {
    @Test
    void fails(GuestVm vm) throws Exception {
      see(vm);
      vm.awaitConsole("spinning", 0, Duration.ofSeconds(30));
      fail("fails on purpose");
    }
  }

  @Test
  void failedTest_hasTheConsoleInItsReport_andTheGuestIsGone() {
    TestRun run = TestRun.of(FailingCase.class);

    assertEquals(1, run.failures().size());
    assertTrue(run.entries().toString().contains("spinning"), run.entries().toString());
  }

  static class MeetingCase {
    private GuestVm vm;

    @Test
    void bothAreThereAtOnce() throws Exception {
      see(vm);
      BOTH.await(30, TimeUnit.SECONDS);
    }
  }

  @MicroVm(kernel = GUEST, memory = 16, agent = false)
  static class LeftCase extends MeetingCase {}

  @MicroVm(kernel = GUEST, memory = 16, agent = false)
  static class RightCase extends MeetingCase {}

  @Test
  void classesInParallel_haveGuestsOfTheirOwn() {
    TestRun run =
        TestRun.of(
            Map.of(
                "junit.jupiter.execution.parallel.enabled", "true",
                "junit.jupiter.execution.parallel.mode.classes.default", "concurrent",
                "junit.jupiter.execution.parallel.config.strategy", "fixed",
                "junit.jupiter.execution.parallel.config.fixed.parallelism", "2"),
            LeftCase.class,
            RightCase.class);

    assertEquals(List.of(), run.failures());
    assertEquals(2, SEEN.stream().map(GuestVm::directory).distinct().count());
  }

  @MicroVm(kernel = "/no/such/kernel")
  static class NoKernelCase {
    @Test
    void neverRuns() {
      fail("there is no guest");
    }
  }

  @Test
  void fileThatIsNotThere_isNamed() {
    TestRun run = TestRun.of(NoKernelCase.class);

    assertEquals(
        "@MicroVm(kernel = \"/no/such/kernel\"): the file does not exist or cannot be read",
        run.failures().getFirst().getMessage());
  }

  @MicroVm
  static class NoImagesCase {
    @Test
    void neverRuns() {
      fail("there is no guest");
    }
  }

  @Test
  void imagesThatAreNotThere_areToldHowToMake() {
    String images = System.setProperty(GuestImages.PROPERTY, "/no/such/images");
    try {
      String message = TestRun.of(NoImagesCase.class).failures().getFirst().getMessage();

      assertTrue(message.startsWith("no guest images in /no/such/images: "), message);
      assertTrue(message.contains("make images"), message);
      assertTrue(message.contains("MICROVM_IMAGES"), message);
    } finally {
      System.setProperty(GuestImages.PROPERTY, images);
    }
  }

  @Test
  void jvmThatIsStopped_leavesNothing() throws Exception {
    Process jvm =
        new ProcessBuilder(ChildJvm.command(StoppedJvm.class))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    Path directory = Path.of(jvm.inputReader().readLine());
    assertTrue(Files.exists(directory));

    jvm.destroy();

    assertTrue(jvm.waitFor(30, TimeUnit.SECONDS), "the JVM did not end");
    assertFalse(Files.exists(directory));
  }

  /** The main program of a JVM whose test never ends. */
  static final class StoppedJvm {
    @MicroVm(kernel = GUEST, memory = 16, agent = false)
    static class EndlessCase {
      @Test
      void never(GuestVm vm) throws InterruptedException {
        System.out.println(vm.directory());
        Thread.currentThread().join();
      }
    }

    public static void main(String[] args) {
      TestRun.of(EndlessCase.class);
    }
  }

  /** Records the directories of guests that no test receives. */
  static final class Directories implements GuestSetup {
    private static final List<Path> KEPT = new ArrayList<>();

    @Override
    public void complete(MachineConfig.Builder machine, Path directory) {
      KEPT.add(directory);
    }
  }

  @MicroVm(kernel = GUEST, memory = 16, bootSeconds = 1, setup = Directories.class)
  static class NoAgentCase {
    @Test
    void neverRuns() {
      fail("there is no guest");
    }
  }

  @Test
  void agentThatNeverAnswers_isAFailureWithTheConsole() {
    TestRun run = TestRun.of(NoAgentCase.class);

    String message = run.failures().getFirst().getMessage();
    assertTrue(message.startsWith("the guest did not boot: "), message);
    assertTrue(message.contains("spinning"), message);
    assertFalse(Files.exists(Directories.KEPT.getFirst()));
  }

  @MicroVm(kernel = GUEST, memory = 16, agent = false, channels = "known")
  static class ChannelCase {
    @Test
    void known(GuestVm vm) throws Exception {
      see(vm);
      vm.channel("known").close();
    }

    @Test
    void unknown(GuestVm vm) throws Exception {
      vm.channel("unknown");
    }
  }

  @Test
  void channelThatIsNotThere_isNamed() {
    TestRun run = TestRun.of(ChannelCase.class);

    assertEquals(1, run.succeeded());
    String message = run.failures().getFirst().getMessage();
    assertTrue(message.startsWith("no channel 'unknown': "), message);
  }
}
