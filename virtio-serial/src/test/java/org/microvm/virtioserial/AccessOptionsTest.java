package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.linux.SocketAccess;
import org.microvm.virtioserial.options.AccessOptions;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;

/** The options that restrict the peers of a unix socket. */
class AccessOptionsTest {
  private static SocketAccess read(String text) throws OptionException {
    return AccessOptions.take(OptionList.parse(text));
  }

  private static String written(SocketAccess access) {
    Map<String, String> values = new LinkedHashMap<>();
    AccessOptions.addTo(access, values);
    return OptionList.of("unix:/s", values).toString();
  }

  @Test
  void nothingGiven_isTheOwnerAlone() throws Exception {
    assertEquals(SocketAccess.OWNER, read("unix:/s"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "unix:/s|unix:/s",
        "unix:/s,mode=0660|unix:/s,mode=0660",
        "unix:/s,allow-uid=1000|unix:/s,mode=0666,allow-uid=1000",
        "unix:/s,mode=660,allow-gid=0|unix:/s,mode=0660,allow-gid=0",
      })
  void access_isWrittenAsItIsRead(String text, String again) throws Exception {
    assertEquals(again, written(read(text)));
    assertEquals(read(text), read(again));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "unix:/s,allow-uid=root|allow-uid=root is not a number",
        "unix:/s,allow-gid=-1|allow-gid=-1 is not a number",
        "unix:/s,mode=0600,allow-uid=1|have no effect with mode=0600",
        "unix:/s,mode=0066|mode",
      })
  void badValue_isNamed(String text, String words) {
    String message = assertThrows(OptionException.class, () -> read(text)).getMessage();

    assertTrue(message.contains(words), message);
  }
}
