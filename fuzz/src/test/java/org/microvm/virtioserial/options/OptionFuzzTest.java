package org.microvm.virtioserial.options;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.charset.StandardCharsets;

/** The option strings of chardevs and ports. */
class OptionFuzzTest {
  /** What is accepted means the same once it is written and read again. */
  @FuzzTest
  void chardev_anyText_isRefusedOrWrittenAsItWasRead(byte[] input) throws Exception {
    ChardevSpec spec;
    try {
      OptionList options = OptionList.parse(text(input));
      options.take("id");
      spec = ChardevOptions.read(options);
      options.finish();
    } catch (OptionException e) {
      return;
    }
    OptionList again = OptionList.parse(ChardevOptions.write("c0", spec));
    again.take("id");
    if (!spec.equals(ChardevOptions.read(again))) {
      throw new AssertionError(spec + " is written as " + ChardevOptions.write("c0", spec));
    }
  }

  @FuzzTest
  void device_anyText_isRefusedOrWrittenAsItWasRead(byte[] input) throws Exception {
    PortSpec port;
    try {
      OptionList options = OptionList.parse(text(input));
      if (!DeviceOptions.isPort(options.kind())) {
        DeviceOptions.device(options);
        return;
      }
      port = DeviceOptions.port(options);
    } catch (OptionException e) {
      return;
    }
    String written = DeviceOptions.write(port).toString();
    if (!port.equals(DeviceOptions.port(OptionList.parse(written)))) {
      throw new AssertionError(port + " is written as " + written);
    }
  }

  private static String text(byte[] input) {
    return new String(input, StandardCharsets.UTF_8);
  }
}
