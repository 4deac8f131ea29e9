package org.microvm.cli.faults;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.Errno;
import org.microvm.syscall.FaultInjection;
import org.microvm.syscall.FaultInjection.Fault;
import org.microvm.syscall.FaultInjection.Place;
import org.microvm.syscall.FaultInjection.Recording;
import org.microvm.testing.RequiresKvm;
import org.slf4j.LoggerFactory;

/**
 * Each system call of a machine's life fails in turn. The machine recovers, or says what is wrong
 * in one message with the error's name, and leaves nothing behind; its other channels continue to
 * work.
 *
 * <p>By default each place in the program gets one of its call's errors. With {@code
 * -Dmicrovm.faults=all} it gets all of them, at its first and at a later call.
 */
@RequiresKvm
@Timeout(value = 60, unit = TimeUnit.MINUTES)
class FaultTest {
  private static final boolean ALL = "all".equals(System.getProperty("microvm.faults"));
  private static final String ONLY = System.getProperty("microvm.faults.only", "");
  private static final long LIMIT_SECONDS = 120;

  @TempDir private Path directory;
  private final ListAppender<ILoggingEvent> log = new ListAppender<>();

  @BeforeEach
  void listen() {
    log.start();
    root().addAppender(log);
    root().setLevel(Level.WARN);
  }

  @AfterEach
  void end() {
    FaultInjection.end();
    root().detachAppender(log);
  }

  private static Logger root() {
    return (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
  }

  /** A failure of one call. */
  private record Case(Place place, int occurrence, int errno) {
    @Override
    public String toString() {
      return "%s, call %d of %s".formatted(Errno.name(errno), occurrence, place);
    }
  }

  @Test
  void everySystemCall_failing_costsAtMostOneMessage() throws Exception {
    Path home = Files.createDirectory(directory.resolve("m"));
    assertEquals(List.of(), life(home));
    Recording recording = FaultInjection.record();
    assertEquals(List.of(), life(home));
    assertEquals(List.of(), life(home));
    FaultInjection.end();
    ProcessResources before = ProcessResources.now();
    List<String> wrong = new ArrayList<>();
    int run = 0;
    int happened = 0;
    for (Case one : cases(recording.places())) {
      run++;
      Result result = run(one, home, before);
      happened += result.happened() ? 1 : 0;
      if (result.isWrong()) {
        wrong.add(one + ":\n    " + result.verdict());
        empty(home);
        before = ProcessResources.now();
      }
    }
    System.out.printf("%d failures, %d of them happened%n", run, happened);
    assertTrue(happened > run / 2, happened + " of " + run);
    assertEquals("", String.join("\n", wrong));
  }

  /** What came of a failure: empty if all was well. */
  private record Result(boolean happened, String verdict) {
    boolean isWrong() {
      return happened && !verdict.isEmpty();
    }
  }

  private Result run(Case one, Path home, ProcessResources before) {
    log.list.clear();
    Fault fault = FaultInjection.inject(one.place(), one.occurrence(), one.errno());
    String verdict;
    try {
      verdict = judge(one, life(home), before);
    } catch (Exception | AssertionError e) {
      verdict = e + " at " + Arrays.stream(e.getStackTrace()).limit(6).toList();
    }
    FaultInjection.end();
    return new Result(fault.hasHappened(), verdict);
  }

  private static List<Case> cases(Map<Place, Integer> places) {
    List<Case> cases = new ArrayList<>();
    int turn = 0;
    for (Map.Entry<Place, Integer> one : places.entrySet()) {
      Place place = one.getKey();
      if (!place.toString().contains(ONLY)) {
        continue;
      }
      int[] errnos = FaultInjection.errnos(place);
      if (!ALL) {
        cases.add(new Case(place, 1, errnos[turn++ % errnos.length]));
        continue;
      }
      for (int errno : errnos) {
        cases.add(new Case(place, 1, errno));
        if (one.getValue() > 4) {
          cases.add(new Case(place, one.getValue() / 4 + 1, errno));
        }
      }
    }
    return cases;
  }

  /** Runs a life with a time limit. */
  private static List<String> life(Path home) throws Exception {
    FutureTask<List<String>> life = new FutureTask<>(() -> new MachineLife(home).run());
    Thread thread = Thread.ofPlatform().daemon().name("life").start(life);
    try {
      return life.get(LIMIT_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      throw new AssertionError("hangs at " + Arrays.toString(thread.getStackTrace()), e);
    } catch (java.util.concurrent.ExecutionException e) {
      switch (e.getCause()) {
        case AssertionError failure -> throw failure;
        case Exception failure -> throw failure;
        default -> throw e;
      }
    }
  }

  private String judge(Case one, List<String> errors, ProcessResources before) throws Exception {
    List<String> leaked = before.leaked();
    if (!leaked.isEmpty()) {
      return "leaked " + leaked;
    }
    String name = Errno.name(one.errno());
    for (String error : errors) {
      boolean lostClient = error.contains("closed its control socket");
      if (!error.contains(name) && !lostClient || error.contains("Exception")) {
        return "not a clear message: " + error;
      }
    }
    for (ILoggingEvent event : List.copyOf(log.list)) {
      if (event.getThrowableProxy() != null) {
        return "a stack trace is logged: "
            + event.getFormattedMessage()
            + ": "
            + event.getThrowableProxy().getMessage();
      }
    }
    return "";
  }

  private static void empty(Path home) throws Exception {
    try (var all = Files.walk(home)) {
      for (Path path : all.sorted((a, b) -> b.compareTo(a)).toList()) {
        if (!path.equals(home)) {
          Files.delete(path);
        }
      }
    }
  }
}
