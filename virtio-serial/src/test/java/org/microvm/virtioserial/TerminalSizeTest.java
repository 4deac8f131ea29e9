package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.linux.Fd;
import org.microvm.linux.Pty;
import org.microvm.linux.Terminal;
import org.microvm.testing.ChildJvm;
import org.microvm.virtioserial.backend.ConsoleSize;
import org.microvm.virtioserial.backend.PtyBackend;
import org.microvm.virtioserial.backend.StdioBackend;

/** Consoles follow the size of their terminal. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class TerminalSizeTest extends SerialMachineFixture {
  private static final String LAST_SIZE = "size 120 50";

  @BeforeEach
  void start() throws Exception {
    guest.boot();
  }

  @Test
  void pty_consoleGetsEachSize() throws Exception {
    PtyBackend pty = PtyBackend.open();
    machine.device.addPort(PortConfig.forConsole(), pty);
    machine.introduce(0);

    stty(pty.path(), 100, 40);
    assertEquals(resize(100, 40), guest.next());
    stty(pty.path(), 80, 25);
    assertEquals(resize(80, 25), guest.next());
  }

  @Test
  void pty_initialSize_isReportedAtOnce() throws Exception {
    PtyBackend pty = PtyBackend.open();
    stty(pty.path(), 132, 43);
    machine.device.addPort(PortConfig.forConsole(), pty);
    assertEquals(Control.add(0), guest.next());

    guest.ready(0);

    assertEquals(List.of(Control.console(0), Control.open(0, 1), resize(132, 43)), guest.next(3));
  }

  @Test
  void pty_sizeOfPort0IsInTheConfigurationToo() throws Exception {
    machine.close();
    SerialConfig config = SerialConfig.defaults().withConsoleSize(new ConsoleSize(80, 25));
    machine = new SerialMachine(directory, config);
    PtyBackend pty = PtyBackend.open();
    machine.device.addPort(PortConfig.forConsole(), pty);
    machine.guest.boot();
    machine.introduce(0);

    stty(pty.path(), 100, 40);
    machine.guest.next();

    assertEquals(100, machine.guest.driver().config(0, 2));
    assertEquals(40, machine.guest.driver().config(2, 2));
  }

  @Test
  void pty_sizeOfAGenericPort_isIgnored() throws Exception {
    PtyBackend pty = PtyBackend.open();
    stty(pty.path(), 100, 40);
    int nr = machine.device.addPort(PortConfig.named("a"), pty).nr();
    assertEquals(Control.add(nr), guest.next());

    guest.ready(nr);
    machine.idle();

    assertEquals(List.of(Control.name(nr, "a"), Control.open(nr, 1)), guest.waiting());
  }

  @Test
  void resize_toTheSameSize_isNotReported() throws Exception {
    machine.addUnix(PortConfig.forConsole(), "con");
    machine.introduce(0);

    machine.device.resize(0, new ConsoleSize(100, 40));
    machine.device.resize(0, new ConsoleSize(100, 40));

    assertEquals(List.of(resize(100, 40)), guest.waiting());
  }

  @Test
  void stdio_consoleFollowsTheTerminalAndLeavesItAsItWas() throws Exception {
    try (Pty pty = Pty.open();
        Fd device = Fd.open(pty.path(), Fd.READ_WRITE, Fd.NON_BLOCKING)) {
      stty(pty.path(), 90, 30);
      String before = mode(pty.path());
      Process child = start(pty.path());
      BufferedReader said = child.errorReader();

      assertEquals("size 90 30", size(said));
      assertNotEquals(before, mode(pty.path()));
      stty(pty.path(), 120, 50);
      String told = size(said);
      // stty sets columns and rows one after the other, so the guest may see the size in between
      // too.
      assertEquals(LAST_SIZE, told.equals("size 120 30") ? size(said) : told);
      pty.fd().write(Arena.ofAuto().allocateFrom(ValueLayout.JAVA_BYTE, (byte) 'q'));

      assertTrue(child.waitFor(Await.LIMIT.toSeconds(), TimeUnit.SECONDS));
      assertEquals(0, child.exitValue());
      assertEquals(before, mode(pty.path()));
      assertTrue(Terminal.isTerminal(device));
    }
  }

  /** Starts a process whose session has this terminal. */
  private Process start(Path terminal) throws Exception {
    ProcessBuilder builder = new ProcessBuilder("setsid", "--ctty");
    builder.command().addAll(ChildJvm.command(Child.class, directory.toString()));
    return builder.redirectInput(terminal.toFile()).redirectOutput(terminal.toFile()).start();
  }

  /** A guest that prints the sizes it receives until the last one, and ends when it reads input. */
  static final class Child {
    private Child() {}

    public static void main(String[] args) throws Exception {
      try (SerialMachine machine = new SerialMachine(Path.of(args[0]))) {
        machine.device.addPort(PortConfig.forConsole(), StdioBackend.open());
        Guest guest = machine.guest.boot();
        guest.ready(0);
        guest.open(0);
        for (String said = ""; !said.equals(LAST_SIZE); ) {
          Control message = guest.next();
          if (message.event() == Control.RESIZE) {
            String size = message.payload();
            said = "size %d %d".formatted((int) size.charAt(0), (int) size.charAt(2));
            System.err.println(said);
          }
        }
        guest.read(0, 1);
      }
    }
  }

  /** Returns the next line about a size; other lines are those of the logging library. */
  private static String size(BufferedReader said) throws IOException {
    String line = said.readLine();
    while (line != null && !line.startsWith("size")) {
      line = said.readLine();
    }
    return line;
  }

  private static String mode(Path terminal) throws Exception {
    Process stty = new ProcessBuilder("stty", "-F", terminal.toString(), "-g").start();
    return new String(stty.getInputStream().readAllBytes());
  }

  private static Control resize(int columns, int rows) {
    String payload = "" + (char) columns + (char) 0 + (char) rows + (char) 0;
    return new Control(0, Control.RESIZE, 0, payload);
  }

  private static void stty(Path terminal, int columns, int rows) throws Exception {
    String[] words = {"stty", "-F", terminal.toString(), "cols", "" + columns, "rows", "" + rows};
    assertEquals(0, new ProcessBuilder(words).inheritIO().start().waitFor());
  }
}
