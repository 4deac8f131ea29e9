package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.junit.GuestSetup;
import org.microvm.junit.GuestVm;
import org.microvm.junit.MicroVm;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.MachineConfig;

/** The typed methods of the client, with Debian's agent. */
@MicroVm(setup = AgentCommandsTest.SecondDisk.class)
@Tag("linux")
@Tag("guest-agent")
@Timeout(300)
class AgentCommandsTest {
  private static final Duration LIMIT = Duration.ofMinutes(1);

  /** The commands of qemu-ga 7.2 on Linux; see qga/qapi-schema.json. */
  private static final Set<String> COMMANDS =
      Set.of(
          "guest-exec",
          "guest-exec-status",
          "guest-file-close",
          "guest-file-flush",
          "guest-file-open",
          "guest-file-read",
          "guest-file-seek",
          "guest-file-write",
          "guest-fsfreeze-freeze",
          "guest-fsfreeze-freeze-list",
          "guest-fsfreeze-status",
          "guest-fsfreeze-thaw",
          "guest-fstrim",
          "guest-get-cpustats",
          "guest-get-devices",
          "guest-get-disks",
          "guest-get-diskstats",
          "guest-get-fsinfo",
          "guest-get-host-name",
          "guest-get-memory-block-info",
          "guest-get-memory-blocks",
          "guest-get-osinfo",
          "guest-get-time",
          "guest-get-timezone",
          "guest-get-users",
          "guest-get-vcpus",
          "guest-info",
          "guest-network-get-interfaces",
          "guest-ping",
          "guest-set-memory-blocks",
          "guest-set-time",
          "guest-set-user-password",
          "guest-set-vcpus",
          "guest-shutdown",
          "guest-ssh-add-authorized-keys",
          "guest-ssh-get-authorized-keys",
          "guest-ssh-remove-authorized-keys",
          "guest-suspend-disk",
          "guest-suspend-hybrid",
          "guest-suspend-ram",
          "guest-sync",
          "guest-sync-delimited");

  /** A machine with a second disk, whose file system can be frozen. */
  static final class SecondDisk implements GuestSetup {
    private static final long BYTES = 4 << 20;

    @Override
    public void complete(MachineConfig.Builder machine, Path directory) throws IOException {
      Path image = directory.resolve("ext2.img");
      try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
        file.setLength(BYTES);
      }
      Process mke2fs =
          new ProcessBuilder("/sbin/mke2fs", "-q", "-t", "ext2", image.toString())
              .inheritIO()
              .start();
      mke2fs.onExit().join();
      assertEquals(0, mke2fs.exitValue());
      machine.disk(new DiskConfig(image, false));
    }
  }

  private GuestVm vm;

  private GuestAgent agent() {
    return vm.agent();
  }

  @Test
  void info_hasVersionAndEveryCommand() throws IOException {
    AgentInfo info = agent().info();

    Set<String> names =
        info.commands().stream().map(AgentInfo.Command::name).collect(Collectors.toSet());
    if (info.version().startsWith("7.2.")) {
      assertEquals(COMMANDS, names);
    } else {
      // Newer releases do not list what this system cannot have, and have more commands.
      Set<String> missing = new HashSet<>(COMMANDS);
      missing.removeAll(names);
      assertEquals(Set.of("guest-get-devices"), missing);
    }
    assertTrue(info.enabled("guest-exec"));
    assertFalse(info.enabled("guest-get-devices"));
    assertFalse(
        info.commands().stream()
            .filter(command -> command.name().equals("guest-shutdown"))
            .findFirst()
            .orElseThrow()
            .answersOnSuccess());
  }

  @Test
  void ping_isAnswered() throws IOException {
    agent().ping();
  }

  @Test
  void osInfo_isTheImages() throws IOException {
    OsInfo os = agent().osInfo();

    assertTrue(os.kernelRelease().orElseThrow().startsWith("6.1."), os.toString());
    assertEquals(Optional.of("x86_64"), os.machine());
    assertEquals(Optional.of(Guest.isDebian() ? "debian" : "microvm"), os.id());
    assertTrue(
        os.prettyName()
            .orElseThrow()
            .startsWith(Guest.isDebian() ? "Debian GNU/Linux " : "microvm test guest 1"),
        os.toString());
    assertEquals(Guest.isDebian() ? Optional.empty() : Optional.of("test"), os.variantId());
  }

  @Test
  void hostName_isTheGuests() throws IOException {
    assertEquals(Guest.hostName(), agent().hostName());
  }

  @Test
  void timeZone_isUtc() throws IOException {
    assertEquals(new TimeZoneInfo(Optional.of("UTC"), 0), agent().timeZone());
  }

  @Test
  void time_goesOnAndCanBeSet() throws IOException {
    Instant before = agent().time();
    Instant wanted = Instant.parse("2031-05-06T07:08:09.123456Z");

    // The agent sets the clock, and then fails because the guest has no hardware clock to set.
    AgentCommandException noHardwareClock =
        assertThrows(AgentCommandException.class, () -> agent().setTime(wanted));

    assertTrue(noHardwareClock.description().contains("hwclock"), noHardwareClock.getMessage());
    Instant after = agent().time();
    assertTrue(before.isAfter(Instant.EPOCH));
    assertFalse(after.isBefore(wanted), after.toString());
    assertTrue(after.isBefore(wanted.plus(LIMIT)), after.toString());
  }

  @Test
  void networkInterfaces_haveTheLoopback() throws IOException {
    NetworkInterface loopback = agent().networkInterfaces().getFirst();

    assertEquals("lo", loopback.name());
    assertEquals(
        List.of(new NetworkInterface.Address("127.0.0.1", "ipv4", 8)), loopback.addresses());
    assertTrue(loopback.statistics().isPresent());
  }

  @Test
  void cpus_isTheOne() throws IOException {
    assertEquals(List.of(new GuestCpu(0, true, false)), agent().cpus());
  }

  @Test
  void memoryBlocks_ofAKernelWithoutHotplug_areNone() throws IOException {
    assertEquals(List.of(), agent().memoryBlocks());
    assertEquals(OptionalLong.empty(), agent().memoryBlockSize());
  }

  @Test
  void filesystems_haveTheRoot() throws IOException {
    Filesystem root =
        agent().filesystems().list().stream()
            .filter(filesystem -> filesystem.mountPoint().equals("/"))
            .findFirst()
            .orElseThrow();

    assertEquals(Guest.isDebian() ? "ext4" : "erofs", root.type());
    assertEquals("vda", root.device());
    assertEquals(List.of(Optional.of("/dev/vda")), root.disks());
    assertTrue(root.totalBytes().orElseThrow() > 1 << 20);
  }

  @Test
  void disks_areBoth() throws IOException {
    assertEquals(
        Set.of("/dev/vda", "/dev/vdb"),
        agent().filesystems().disks().stream().map(GuestDisk::device).collect(Collectors.toSet()));
  }

  @Test
  void freezeStatus_isThawed() throws IOException {
    assertEquals(FreezeStatus.THAWED, agent().filesystems().freezeStatus());
  }

  @Test
  void freeze_stopsTheFilesystemAndTheAgentUntilThaw() throws IOException {
    assertEquals(
        0, vm.exec("sh", "-c", "mkdir /run/disk && mount -t ext2 /dev/vdb /run/disk").status());
    GuestFilesystems filesystems = agent().filesystems();

    // Debian's root is ext4, which can be frozen, too.
    int expected = Guest.isDebian() ? 2 : 1;
    try (Freeze freeze = agent().freeze()) {
      assertEquals(expected, freeze.count());
      assertEquals(FreezeStatus.FROZEN, filesystems.freezeStatus());
      agent().ping();
      UnknownCommandException refused =
          assertThrows(UnknownCommandException.class, () -> agent().files().read("/etc/hosts"));
      assertTrue(refused.disabled(), refused.getMessage());
    }

    assertEquals(FreezeStatus.THAWED, filesystems.freezeStatus());
    assertEquals(1, filesystems.freeze(List.of("/run/disk")).count());
    assertEquals(1, filesystems.thaw());
    vm.writeFile("/run/disk/after", "thawed");
    assertEquals("thawed", vm.readFile("/run/disk/after"));
    assertEquals(0, vm.exec("umount", "/run/disk").status());
  }

  @Test
  void users_nobodyIsLoggedIn() throws IOException {
    assertEquals(List.of(), agent().users().loggedIn());
  }

  @Test
  void authorizedKeys_comeAndGo() throws IOException {
    GuestUsers users = agent().users();
    List<String> keys = List.of("ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two");
    assertEquals(List.of(), users.authorizedKeys("agent"));

    users.addAuthorizedKeys("agent", keys, false);
    assertEquals(Set.copyOf(keys), Set.copyOf(users.authorizedKeys("agent")));
    users.removeAuthorizedKeys("agent", keys.subList(0, 1));
    assertEquals(keys.subList(1, 2), users.authorizedKeys("agent"));
    users.addAuthorizedKeys("agent", keys.subList(0, 1), true);
    assertEquals(keys.subList(0, 1), users.authorizedKeys("agent"));

    assertThrows(AgentCommandException.class, () -> users.authorizedKeys("nobody-has-this-name"));
  }

  @Test
  void setPassword_guestThatCannotKeepIt_isAnError() {
    AgentCommandException refused =
        assertThrows(
            AgentCommandException.class, () -> agent().users().setPassword("agent", "x", false));

    // The project's guest has no chpasswd; Debian's cannot write to its root.
    assertTrue(refused.description().contains("passw"), refused.getMessage());
  }

  @ParameterizedTest
  @EnumSource(SuspendMode.class)
  void suspend_guestThatCannot_isRefused(SuspendMode mode) {
    assumeFalse(
        Guest.isDebian(),
        "systemctl of systemd reports success before it has found out that it fails");
    assertThrows(UnsupportedCommandException.class, () -> agent().suspend(mode));
  }

  @Test
  void disabledCommand_isUnknownAndDisabled() throws IOException {
    UnknownCommandException unknown =
        assertThrows(
            UnknownCommandException.class, () -> agent().client().call("guest-get-devices", LIMIT));

    assertEquals(agent().info().version().startsWith("7.2."), unknown.disabled());
  }

  @ParameterizedTest
  @ValueSource(strings = {"guest-get-diskstats", "guest-get-cpustats"})
  void commandWithoutAMethod_isCalledByName(String command) throws IOException {
    JsonNode first = agent().client().call(command, LIMIT).path(0);

    assertTrue(first.isObject() && !first.isEmpty(), first.toString());
  }

  @Test
  void fstrim_saysWhatCannotBeTrimmed() throws IOException {
    JsonNode paths =
        agent()
            .client()
            .call("guest-fstrim", AgentClient.arguments().put("minimum", 0), LIMIT)
            .path("paths");

    assertEquals("/", paths.path(0).path("path").asText());
    assertTrue(paths.path(0).has("error"), paths.toString());
  }

  @Test
  void setVcpusAndMemoryBlocks_emptyLists_changeNothing() throws IOException {
    var vcpus = AgentClient.arguments();
    vcpus.putArray("vcpus");
    var blocks = AgentClient.arguments();
    blocks.putArray("mem-blks");

    assertEquals(0, agent().client().call("guest-set-vcpus", vcpus, LIMIT).asInt());
    assertTrue(agent().client().call("guest-set-memory-blocks", blocks, LIMIT).isEmpty());
  }
}
