package org.microvm.cli.named;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class MachinesTest {
  private static final MachineName WEB = new MachineName("web");
  private static final Description DESCRIPTION =
      new Description(1, Instant.EPOCH, 16 << 20, 1, "/kernel", true);

  @TempDir private Path parent;
  private Path root;
  private Machines machines;

  @BeforeEach
  void open() throws IOException {
    root = parent.resolve("microvm");
    machines = Machines.in(root);
  }

  private String refusal(MachineName name) {
    return assertThrows(IOException.class, () -> machines.find(name)).getMessage();
  }

  @Test
  void registeredMachine_isListedWithItsDescription() throws Exception {
    try (Registration registration = machines.register(WEB)) {
      assertEquals(Optional.empty(), machines.find(WEB).description());
      registration.describe(DESCRIPTION);

      assertEquals(Optional.of(DESCRIPTION), machines.find(WEB).description());
    }
  }

  @Test
  void nameInUse_isRefusedInOneLine() throws Exception {
    try (Registration _ = machines.register(WEB)) {
      IOException refused = assertThrows(IOException.class, () -> machines.register(WEB));

      assertTrue(refused.getMessage().startsWith("--name web: "), refused.getMessage());
      assertEquals(1, refused.getMessage().lines().count());
    }
  }

  @Test
  void end_removesTheDirectoryAndKeepsTheLogs() throws Exception {
    Registration registration = machines.register(WEB);
    registration.describe(DESCRIPTION);
    Files.writeString(registration.files().log(), "why");
    registration.close();

    assertFalse(Files.exists(root.resolve("web")));
    assertEquals("why", Files.readString(machines.logs(WEB).resolve("log")));
    assertTrue(refusal(WEB).contains(machines.logs(WEB).toString()));
  }

  @Test
  void leftoverThatCannotBeRemoved_hidesNoOtherMachine() throws Exception {
    MachineFiles dead = machines.files(new MachineName("dead"));
    Files.createDirectory(dead.directory());
    Files.writeString(dead.lock().file(), "1");
    DESCRIPTION.write(dead.description());
    Files.createFile(root.resolve(".ended"));

    try (Registration _ = machines.register(WEB)) {
      assertEquals(List.of(WEB), machines.list().stream().map(Machines.Entry::name).toList());
    }

    assertTrue(Files.exists(dead.description()));
  }

  @Test
  void machineThatNeverRan_leavesNothing() throws Exception {
    machines.register(WEB).close();

    assertFalse(Files.exists(root.resolve("web")));
    assertFalse(Files.exists(machines.logs(WEB)));
  }

  @Test
  void directoryOfAKilledProcess_isRemovedByTheNextCommand() throws Exception {
    Path stale = Files.createDirectory(root.resolve("web"));
    Files.createFile(stale.resolve("lock"));
    Files.writeString(stale.resolve("machine.json"), DESCRIPTION.toJson().toString());
    Files.writeString(stale.resolve("console.log"), "output");

    assertEquals(List.of(), machines.list());
    assertFalse(Files.exists(stale));
    assertEquals("output", Files.readString(machines.logs(WEB).resolve("console.log")));
  }

  @Test
  void nameOfAKilledProcess_canBeUsedAgain() throws Exception {
    Files.createFile(Files.createDirectory(root.resolve("web")).resolve("lock"));

    try (Registration _ = machines.register(WEB)) {
      assertEquals(1, machines.list().size());
    }
  }

  @Test
  void unknownName_isAnsweredWithTheNearest() throws Exception {
    try (Registration _ = machines.register(WEB);
        Registration _ = machines.register(new MachineName("database"))) {
      assertTrue(refusal(new MachineName("wbe")).endsWith("did you mean 'web'?"));
      assertTrue(refusal(new MachineName("databse")).endsWith("did you mean 'database'?"));
      assertTrue(refusal(new MachineName("zzz")).endsWith("`microvm list` shows all"));
    }
  }

  @Test
  void awaitEnd_returnsAtTheEnd() throws Exception {
    Registration registration = machines.register(WEB);
    Machines.Entry entry = machines.find(WEB);
    Thread end = Thread.ofPlatform().start(() -> close(registration));

    entry.awaitEnd();

    assertThrows(IOException.class, () -> machines.find(WEB));
    end.join();
  }

  private static void close(Registration registration) {
    try {
      registration.close();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void nameThatMakesSocketPathsTooLong_isRefused() throws Exception {
    Path deep = Files.createDirectories(parent.resolve("d".repeat(60)));
    Machines inDeep = Machines.in(deep.resolve("microvm"));
    MachineName name = new MachineName("n".repeat(64));

    IOException refused = assertThrows(IOException.class, () -> inDeep.register(name));

    assertTrue(refused.getMessage().contains("at most 107"), refused.getMessage());
  }

  @Test
  void directoryThatOthersCanWriteTo_isRefused() throws Exception {
    Files.setPosixFilePermissions(root, PosixFilePermissions.fromString("rwxrwx---"));

    IOException refused = assertThrows(IOException.class, () -> Machines.in(root));

    assertTrue(refused.getMessage().contains("writable by others"), refused.getMessage());
  }

  @Test
  void directoryThatIsALink_isRefused() throws Exception {
    Path link = Files.createSymbolicLink(parent.resolve("link"), root);

    assertThrows(IOException.class, () -> Machines.in(link));
  }

  @Test
  void runtimeDirectory_isTheOneOfTheEnvironment() throws Exception {
    List<String> warnings = new ArrayList<>();

    assertEquals(root, runtimeDirectory(parent.toString(), warnings));
    assertTrue(runtimeDirectory("", warnings).isAbsolute());
    assertTrue(RuntimeDirectory.of(Map.of(), warnings::add).isAbsolute());
    assertEquals(List.of(), warnings);
  }

  @Test
  void runtimeDirectoryThatCannotBeUsed_isReported() throws Exception {
    for (String given : List.of("relative", parent.resolve("missing").toString())) {
      List<String> warnings = new ArrayList<>();

      Path directory = runtimeDirectory(given, warnings);

      assertEquals(1, warnings.size());
      assertTrue(warnings.getFirst().startsWith("XDG_RUNTIME_DIR: '" + given + "' is not "));
      assertTrue(warnings.getFirst().contains(directory.toString()), warnings.getFirst());
    }
  }

  private static Path runtimeDirectory(String given, List<String> warnings) throws IOException {
    return RuntimeDirectory.of(Map.of("XDG_RUNTIME_DIR", given), warnings::add);
  }

  @Test
  void names_haveNoPathInThem() {
    for (String bad : List.of("", ".", "..", "a/b", "-a", ".a", "a b", "ä", "n".repeat(65))) {
      assertThrows(IllegalArgumentException.class, () -> new MachineName(bad), bad);
    }
    assertEquals("a.b_c-1", new MachineName("a.b_c-1").text());
  }
}
