package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.virtioserial.PortInfo;

/** The options of hotplugged channels that a snapshot keeps. */
@Timeout(10)
class ChannelRegistryTest {
  private static final List<String> WORDS =
      List.of(
          "--kernel",
          "k",
          "--chardev",
          "null,id=c0",
          "--device",
          "virtio-serial,max_ports=31",
          "--device",
          "virtserialport,chardev=c0,name=first",
          "--memory",
          "16M");

  private final ChannelRegistry registry = new ChannelRegistry();

  private static PortInfo port(int nr, String name) {
    return new PortInfo(nr, Optional.of(name), false);
  }

  @Test
  void current_atPowerOn_numbersTheChannels() {
    registry.atPowerOn(
        Optional.empty(),
        port(1, "first"),
        "c0",
        "null,id=c0",
        "virtserialport,chardev=c0,name=first");

    assertEquals(
        List.of(
            "--kernel",
            "k",
            "--device",
            "virtio-serial,max_ports=31",
            "--memory",
            "16M",
            "--chardev",
            "null,id=c0",
            "--device",
            "virtserialport,chardev=c0,name=first,nr=1"),
        registry.current(WORDS));
  }

  @Test
  void current_afterHotplug_hasTheNewChannelAndNotTheOldOne() {
    PortInfo first = port(1, "first");
    registry.atPowerOn(
        Optional.empty(), first, "c0", "null,id=c0", "virtserialport,chardev=c0,name=first");
    registry.remove(registry.device(first));
    registry.add(Chardev.inUse("c1", "socket,path=/run/a,,b,server=on,wait=off"));
    registry.put(
        Optional.of("d1"), port(2, "second"), "c1", "virtserialport,chardev=c1,name=second,id=d1");

    assertEquals(
        List.of(
            "--kernel",
            "k",
            "--device",
            "virtio-serial,max_ports=31",
            "--memory",
            "16M",
            "--chardev",
            "socket,path=/run/a,,b,server=on,wait=off,id=c1",
            "--device",
            "virtserialport,chardev=c1,name=second,id=d1,nr=2"),
        registry.current(WORDS));
  }

  @Test
  void current_withoutWords_staysEmpty() {
    registry.put(Optional.empty(), port(1, "first"), "c0", "virtserialport,chardev=c0,name=first");

    assertEquals(List.of(), registry.current(List.of()));
  }
}
