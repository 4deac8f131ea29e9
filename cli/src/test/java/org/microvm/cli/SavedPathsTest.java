package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The options in a snapshot, with the sockets in another directory. */
class SavedPathsTest {
  private static final Path THERE = Path.of("/there");

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "socket,id=a,path=/run/s,server=on,wait=off|socket,id=a,path=/there/s,server=on,wait=off",
        "socket,id=a,path=/run/x,,y=z,server=on,wait=off"
            + "|socket,id=a,path=/there/x,,y=z,server=on,wait=off",
        "socket,id=a,path=/run/a,,b/s|socket,id=a,path=/there/s",
        "socket,id=a,path=/run,,path=1/s|socket,id=a,path=/there/s",
        "socket,server,nowait,path=/run/s,id=a|socket,id=a,path=/there/s,server=on,wait=off",
        "socket,id=a,path=/run/s,reconnect-ms=10|socket,id=a,path=/there/s,reconnect-ms=10",
        "socket,id=a,path=/|socket,id=a,path=/",
        "socket,id=a,port=5,server=on|socket,id=a,host=127.0.0.1,port=5,server=on,wait=on",
        "file,id=a,path=/run/f|file,id=a,path=/run/f",
        "null,id=socket|null,id=socket",
      })
  void chardev_isMovedIfItIsAUnixSocket(String saved, String moved) {
    assertEquals(
        List.of("--chardev", moved, "--memory", "16M"),
        SavedPaths.withSocketsIn(List.of("--chardev", saved, "--memory", "16M"), THERE));
  }

  @Test
  void socketsOfOneName_getTheirChardevsIds() {
    assertEquals(
        List.of(
            "--chardev",
            "socket,id=a,path=/there/a-s,server=on,wait=off",
            "--chardev",
            "socket,id=b,path=/there/b-s,reconnect-ms=10",
            "--chardev",
            "socket,id=c,path=/there/t"),
        SavedPaths.withSocketsIn(
            List.of(
                "--chardev",
                "socket,id=a,path=/run/a/s,server=on,wait=off",
                "--chardev",
                "socket,id=b,path=/run/b/s,reconnect-ms=10",
                "--chardev",
                "socket,id=c,path=/run/t"),
            THERE));
  }

  @Test
  void twoClientsOfOneSocket_stayTwoClientsOfOneSocket() {
    List<String> saved =
        List.of("--chardev", "socket,id=a,path=/run/s", "--chardev", "socket,id=b,path=/run/./s");

    assertEquals(
        List.of("--chardev", "socket,id=a,path=/there/s", "--chardev", "socket,id=b,path=/there/s"),
        SavedPaths.withSocketsIn(saved, THERE));
  }

  @Test
  void socketsThatWouldStillHaveOneName_areRefused() {
    List<String> saved =
        List.of(
            "--chardev",
            "socket,id=a,path=/1/s",
            "--chardev",
            "socket,id=b,path=/2/s",
            "--chardev",
            "socket,id=c,path=/3/a-s");

    UsageException failure =
        assertThrows(UsageException.class, () -> SavedPaths.withSocketsIn(saved, THERE));

    assertEquals(
        "--sockets /there: two channels would have the same socket:"
            + " [/there/a-s, /there/b-s, /there/a-s]",
        failure.getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--chardev|socket,id=a,path=a.sock,server=on,wait=off|socket,id=a,path=HERE/a.sock,server=on,wait=off",
        "--chardev|file,id=a,path=log,input-path=in|file,id=a,path=HERE/log,input-path=HERE/in",
        "--chardev|pipe,id=a,path=fifo|pipe,id=a,path=HERE/fifo",
        "--chardev|pty,id=a|pty,id=a",
        "--disk|data.img|HERE/data.img",
        "--disk|a,,b.img,readonly=on|HERE/a,,b.img,readonly=on",
        "--disk|/data.img|/data.img",
        "--kernel|vmlinux|HERE/vmlinux",
        "--initrd|../initrd|HERE/../initrd",
        "--append|root=a.sock|root=a.sock",
      })
  void relativePaths_areMadeAbsolute(String option, String given, String saved) {
    String here = Path.of("").toAbsolutePath().toString().replace(",", ",,");

    assertEquals(
        List.of(option, saved.replace("HERE", here)), SavedPaths.absolute(List.of(option, given)));
  }

  @Test
  void directoryWithACommaInItsName_isKept() {
    assertEquals(
        List.of("--chardev", "socket,id=a,path=/a,,b/s"),
        SavedPaths.withSocketsIn(List.of("--chardev", "socket,id=a,path=/run/s"), Path.of("/a,b")));
  }

  @Test
  void otherOptions_stayAsTheyAre() {
    List<String> saved = List.of("--append", "socket,path=/run/s", "--device", "virtconsole,x=,,");

    assertEquals(saved, SavedPaths.withSocketsIn(saved, THERE));
  }

  @Test
  void socketOptionThatIsNotKnown_isNamed() {
    List<String> saved = List.of("--chardev", "socket,id=a,path=/s,colour=red");

    UsageException failure =
        assertThrows(UsageException.class, () -> SavedPaths.withSocketsIn(saved, THERE));

    assertEquals(
        "--chardev socket: unknown option colour=; accepted are: fd, id, logappend,"
            + " logfile, mode, path, reconnect, reconnect-ms, server, wait",
        failure.getMessage());
  }
}
