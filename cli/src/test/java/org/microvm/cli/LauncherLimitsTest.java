package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.machine.config.MachineOverhead;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

/** The limit of memory that the launcher gives to the JVM, beside what the machine needs. */
class LauncherLimitsTest {
  private static final Pattern LIMIT = Pattern.compile("-Xmx(\\d+)m");

  @TempDir private Path directory;

  /** A distribution whose Java runtime prints its arguments. */
  @BeforeEach
  void install() throws IOException {
    Path home = Path.of(System.getProperty("microvm.home", ".."));
    Files.createDirectories(directory.resolve("app/lib"));
    script("bin/microvm", Files.readString(home.resolve("bin/microvm")));
    script("runtime/bin/java", "#!/bin/sh\necho \"$@\"\n");
  }

  private void script(String name, String text) throws IOException {
    Path path = directory.resolve(name);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  /** Returns the limit in MiB. */
  private long limit(String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(directory.resolve("bin/microvm").toString());
    command.addAll(Arrays.asList(arguments));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    Matcher matcher = LIMIT.matcher(output);
    assertTrue(matcher.find(), output);
    return Long.parseLong(matcher.group(1));
  }

  private static MachineOverhead overhead(String... options) throws IOException {
    MachineOptions machine = new MachineOptions();
    CommandSpec spec = CommandSpec.create();
    machine.all().forEach(spec::addOption);
    new CommandLine(spec).parseArgs(options);
    return MachineOverhead.of(machine.toBuilder(false).build());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--kernel none",
        "--kernel none --device virtio-serial,max_ports=1",
        "--kernel none --device virtio-serial,max_ports=2,cols=80,rows=25",
        "--kernel none --device virtio-serial,max_ports=32",
        "--kernel none --device virtio-serial-device,cols=80,rows=25,max_ports=511",
        "--kernel none --device=virtio-serial,max_ports=100",
        "--kernel none --append max_ports=1",
        "--kernel none --device virtio-serial,max_ports=20 --append max_ports=1",
        "--kernel none --chardev null,id=a --device virtserialport,chardev=a,byte_limit=67108864",
        "--kernel none --device virtio-serial,max_ports=1 --chardev null,id=a"
            + " --device virtserialport,chardev=a,nr=0,guest_byte_limit=64M",
        "--kernel none --cpus 8 --disk a --disk b --disk c --disk d --disk e --disk f --disk g"
            + " --disk h --disk i --disk j --disk k --disk l --disk m --disk n --disk o --disk p",
      })
  void limit_isEnoughForTheMachine(String options) throws IOException {
    List<String> words = List.of(options.split(" "));
    List<String> command = new ArrayList<>(List.of("run"));
    command.addAll(words);

    long needed = overhead(words.toArray(String[]::new)).jvmBytes();

    long given = limit(command.toArray(String[]::new));
    assertTrue(given >= needed >> 20, given + " MiB of " + needed);
  }

  @ParameterizedTest
  @CsvSource({"1, 237", "2, 237", "8, 256", "16, 304", "511, 411"})
  void limit_followsFromTheNumberOfPorts(int ports, long expected) throws IOException {
    assertEquals(expected, limit("run", "--device", "virtio-serial,max_ports=" + ports));
  }

  @Test
  void limit_withoutAnOption_isThatOfEightPorts() throws IOException {
    assertEquals(256, limit("run"));
    assertEquals(256, limit("demo"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"restore", "start", "ctl", "doctor", "qemu-system-x86_64"})
  void limit_ofACommandThatDescribesNoMachine_isThatOfTheLargest(String command)
      throws IOException {
    assertEquals(411, limit(command, "max_ports=2"));
    assertEquals(411, limit("run", "--device", "virtio-serial,max_ports=0x10"));
    assertEquals(411, limit("run", "--device", "virtio-serial,max_ports=010"));
    assertEquals(411, limit("run", "--device", "virtio-serial,max_ports="));
  }
}
