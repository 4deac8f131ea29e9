package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.reflect.Field;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.microvm.testing.CProgram;
import org.microvm.testing.RequiresGcc;

class ErrnoTest {
  @Test
  void name_ofAKnownError() {
    assertEquals("EACCES", Errno.name(13));
    assertEquals("Permission denied", Errno.describe(13));
  }

  @Test
  void name_ofAnUnknownErrorIsItsNumber() {
    assertEquals("errno 4711", Errno.name(4711));
    assertEquals("Unknown error", Errno.describe(4711));
  }

  @Test
  void exception_ofALimit_namesTheRemedy() {
    assertEquals(
        "eventfd: EMFILE (Too many open files): raise the limit of open files (ulimit -n)",
        new ErrnoException("eventfd", Errno.EMFILE).getMessage());
    assertEquals(
        "ftruncate guest RAM: EFBIG (File too large): raise the limit of file sizes (ulimit -f), or"
            + " use a file system with a higher one",
        new ErrnoException("ftruncate guest RAM", Errno.EFBIG).getMessage());
    assertEquals(
        "eventfd: EINVAL (Invalid argument)",
        new ErrnoException("eventfd", Errno.EINVAL).getMessage());
  }

  @Test
  @RequiresGcc
  void table_isTheCLibrarys() throws Exception {
    String table =
        CProgram.run(
            """
            #define _GNU_SOURCE
            #include <stdio.h>
            #include <string.h>
            int main(void) {
              for (int i = 1; i < 200; i++)
                if (strerrorname_np(i)) printf("%d %s %s\\n", i, strerrorname_np(i), strerrordesc_np(i));
              return 0;
            }
            """);

    StringBuilder ours = new StringBuilder();
    for (int i = 1; i < 200; i++) {
      if (!Errno.name(i).startsWith("errno ")) {
        ours.append("%d %s %s\n".formatted(i, Errno.name(i), Errno.describe(i)));
      }
    }
    assertEquals(table, ours.toString());
  }

  @Test
  @RequiresGcc
  void constants_areTheCLibrarys() throws Exception {
    Map<String, Long> ours = new TreeMap<>();
    for (Field field : Errno.class.getFields()) {
      ours.put(field.getName(), (long) field.getInt(null));
    }

    Map<String, Long> theirs = CProgram.evaluate(List.of("errno.h"), ours.keySet());

    assertEquals(theirs.toString(), ours.toString());
  }

  @Test
  void exception_namesCallErrorAndAdvice() {
    ErrnoException failure = new ErrnoException("open /dev/kvm", 13, "try this");

    assertEquals("open /dev/kvm: EACCES (Permission denied): try this", failure.getMessage());
    assertEquals("open /dev/kvm", failure.call());
    assertEquals(13, failure.errno());
  }
}
