package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.DeviceOptions;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;
import org.microvm.virtioserial.options.PortSpec;

/** The options of hotplugged channels that a snapshot keeps. */
@Timeout(10)
class ChannelRegistryTest {
  private static final List<String> OPTIONS =
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

  private static ChardevSpec chardev(String text) throws OptionException {
    return ChardevOptions.read(OptionList.parse(text));
  }

  private static PortSpec device(String text) throws OptionException {
    return DeviceOptions.port(OptionList.parse(text));
  }

  private PortInfo putFirst() throws OptionException {
    PortInfo first = port(1, "first");
    registry.atPowerOn(
        first, device("virtserialport,chardev=c0,name=first"), chardev("null,id=c0"));
    return first;
  }

  @Test
  void current_atPowerOn_numbersTheChannels() throws Exception {
    putFirst();

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
        registry.current().apply(OPTIONS));
  }

  @Test
  void current_afterHotplug_hasTheNewChannelAndNotTheOldOne() throws Exception {
    registry.remove(registry.device(putFirst()));
    registry.add(Chardev.inUse("c1", chardev("socket,path=/run/a,,b,server,nowait")));
    registry.put(port(2, "second"), device("virtserialport,chardev=c1,name=second,id=d1"));

    assertEquals(
        List.of(
            "--kernel",
            "k",
            "--device",
            "virtio-serial,max_ports=31",
            "--memory",
            "16M",
            "--chardev",
            "socket,id=c1,path=/run/a,,b,server=on,wait=off",
            "--device",
            "virtserialport,id=d1,chardev=c1,name=second,nr=2"),
        registry.current().apply(OPTIONS));
  }

  @Test
  void current_withoutWords_staysEmpty() throws Exception {
    registry.put(port(1, "first"), device("virtserialport,chardev=c0,name=first"));

    assertEquals(List.of(), registry.current().apply(List.of()));
  }
}
