package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.cli.named.MachineFiles;

class AgentChannelTest {
  @TempDir private Path directory;
  private MachineFiles files;
  private final List<String> chardevs = new ArrayList<>();
  private final List<String> devices = new ArrayList<>();

  @BeforeEach
  void name() {
    files = new MachineFiles(directory);
  }

  @Test
  void machineWithAName_getsTheChannel() throws Exception {
    AgentChannel.complete(chardevs, devices, files, true);

    assertTrue(AgentChannel.isIn(chardevs));
    assertTrue(chardevs.getFirst().contains("path=" + files.agent()), chardevs.getFirst());
    assertTrue(devices.getFirst().contains("name=org.qemu.guest_agent.0"), devices.getFirst());
  }

  @Test
  void restoredMachine_hasTheSocketUnderItsOwnName() throws Exception {
    AgentChannel.complete(chardevs, devices, new MachineFiles(Path.of("/other")), true);
    AgentChannel.complete(chardevs, devices, files, true);

    assertEquals(1, chardevs.size());
    assertEquals(1, devices.size());
    assertTrue(chardevs.getFirst().contains("path=" + files.agent()), chardevs.getFirst());
  }

  @Test
  void restoredMachineWithoutAName_hasNoSocket() throws Exception {
    AgentChannel.complete(chardevs, devices, files, true);
    AgentChannel.complete(chardevs, devices, null, false);

    assertEquals(List.of("null,id=microvm-agent"), chardevs);
  }

  @Test
  void savedOptions_haveTheChannelWithoutItsSocket() {
    assertEquals(
        List.of("--chardev", "null,id=microvm-agent", "--device", "x,id=microvm-agent"),
        AgentChannel.withoutSocket(
            List.of(
                "--chardev",
                "socket,id=microvm-agent,path=/there",
                "--device",
                "x,id=microvm-agent")));
  }

  @Test
  void channelOfTheOptions_isLinkedAndNoneIsAdded() throws Exception {
    Path given = directory.resolve("given");
    chardevs.add("socket,id=a,path=" + given + ",server=on,wait=off");
    devices.add("virtserialport,chardev=a,name=org.qemu.guest_agent.0");

    AgentChannel.complete(chardevs, devices, files, true);

    assertEquals(1, devices.size());
    assertEquals(given, Files.readSymbolicLink(files.agent()));
  }

  @Test
  void machineWithoutAName_keepsItsOptions() throws Exception {
    AgentChannel.complete(chardevs, devices, null, true);

    assertEquals(List.of(), chardevs);
    assertEquals(List.of(), devices);
  }
}
