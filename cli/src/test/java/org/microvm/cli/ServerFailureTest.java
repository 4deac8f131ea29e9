package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.cli.named.MachineName;
import org.microvm.cli.named.Registration;
import org.microvm.cli.serve.ServerAnswer;
import org.microvm.cli.serve.ServerLimits;
import org.microvm.linux.ClientAcceptor;
import org.microvm.linux.Errno;
import org.microvm.spice.Clipboard;
import org.microvm.syscall.FaultInjection;
import org.microvm.testing.RequiresKvm;
import org.slf4j.LoggerFactory;

/** Servers that lack something, and what then becomes of a machine's name and room. */
@RequiresKvm
@Timeout(60)
class ServerFailureTest extends ServerFixture {
  @Test
  void machineWhoseLogCannotBeWritten_leavesItsNameAndItsRoom() throws Exception {
    serve(new ServerLimits(1, NO_LIMIT, NO_LIMIT), false);
    assertEquals(0, start("web").status());
    Path log = machines.find(new MachineName("web")).files().log();
    Files.delete(log);
    Files.createDirectory(log);

    quit("web");

    assertEquals(0, start("web").status());
  }

  /** Lets the first system call of a kind fail on some threads, in a way that nobody expects. */
  private static FaultInjection failing(String kind, String thread, Supplier<Throwable> failure) {
    AtomicBoolean failed = new AtomicBoolean();
    return FaultInjection.by(
        (call, fd) -> {
          if (call.startsWith(kind)
              && Thread.currentThread().getName().startsWith(thread)
              && !failed.getAndSet(true)) {
            switch (failure.get()) {
              case RuntimeException e -> throw e;
              case Error e -> throw e;
              default -> throw new AssertionError();
            }
          }
          return 0;
        });
  }

  @Test
  void machineWhoseEndFails_leavesItsNameAndItsRoom() throws Exception {
    serve(new ServerLimits(1, NO_LIMIT, NO_LIMIT), false);
    assertEquals(0, start("web").status());

    try (FaultInjection _ = failing("", "serve-end", IllegalStateException::new)) {
      quit("web");
    }

    assertEquals(0, start("web").status());
  }

  @ParameterizedTest
  @ValueSource(strings = {"ioctl", "eventfd"})
  void machineThatCannotStartForLackOfThreads_leavesItsNameAndItsRoom(String kind)
      throws Exception {
    serve(new ServerLimits(1, NO_LIMIT, NO_LIMIT), false);
    String message = "unable to create native thread";

    try (FaultInjection _ = failing(kind, "serve-", () -> new OutOfMemoryError(message))) {
      assertEquals(ServerAnswer.failed("microvm: " + message + "\n"), start("web"));
    }

    assertEquals(0, start("web").status());
  }

  @Test
  void guestThatCannotBeAwaitedForLackOfThreads_leavesItsRoom() throws Exception {
    serve(new ServerLimits(1, NO_LIMIT, NO_LIMIT), false);
    try (Registration ghost = ghost()) {
      try (FaultInjection _ = failing("ioctl", "serve-", OutOfMemoryError::new)) {
        assertEquals(1, ask(receive(ghost)).status());
      }
    }

    assertEquals(0, start("web").status());
  }

  @Test
  void lackOfDescriptors_isLoggedOnceByTheClipboard() throws Exception {
    serve();
    ListAppender<ILoggingEvent> log = new ListAppender<>();
    log.start();
    Logger logger = (Logger) LoggerFactory.getLogger(ClientAcceptor.class);
    String[] clipboard = {
      "--chardev", "qemu-vdagent,id=v,clipboard=on", "--device", "virtserialport,chardev=v,name=v"
    };
    assertEquals(0, start("web", clipboard).status());
    Path socket = machines.find(new MachineName("web")).files().clipboard();
    AtomicInteger failures = new AtomicInteger();
    logger.addAppender(log);
    try (FaultInjection _ =
            FaultInjection.by(
                (call, fd) ->
                    call.equals("accept") && failures.incrementAndGet() <= 2 ? -Errno.EMFILE : 0);
        Clipboard program = Clipboard.connect(socket)) {
      program.connected().get(20, TimeUnit.SECONDS);
    } finally {
      logger.detachAppender(log);
    }

    assertEquals(1, log.list.size(), log.list::toString);
  }
}
