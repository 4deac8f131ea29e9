package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which machines a server hosts: not those whose files its sandbox does not let it write. */
class ServedOptionsTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--disk /var/lib/a.img|true",
        "--disk=/dev/shm/a.img|true",
        "--chardev null,id=a,logfile=/tmp/log|true",
        "--chardev file,id=a,path=/dev/null|true",
        "--disk /dev/vdb|false",
        "--disk=/dev/mapper/a|false",
        "--disk /a.img|false",
        "--disk /a.img,readonly=on|false",
        "--chardev file,id=a,path=/dev/ttyS0|false",
        "--chardev file,id=a,path=/usr/log|false",
        "--chardev null,id=a,logfile=/etc/log|false",
        "--chardev file,id=a,path=/dev/stdout|false",
        "--chardev file,id=a,path=/proc/self/fd/1|false",
        "--qmp unix:/tmp/q|false",
        "--warm-up|true",
        "--sandbox on|false",
      })
  void machine_isServedIfTheServerMayWriteItsFiles(String options, boolean served) {
    List<String> words =
        new ArrayList<>(List.of("run", "--detach", "--name", "web", "--kernel", "/boot/vmlinux"));
    words.addAll(List.of(options.split(" ")));

    assertEquals(served, ServedOptions.parse(words, Path.of("/home/user")).isPresent());
  }
}
