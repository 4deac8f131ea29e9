package org.microvm.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The VMMs that are compared, and the plain socket that is the upper limit for both. */
final class Vmms {
  /** The name of the plain socket in reports. */
  static final String PIPE = "socket";

  private static final String GUEST_MEMORY_MIB = "256";

  private final Path home;
  private final Path directory;
  private final List<String> runOptions;

  /**
   * @param home directory of the built source tree
   * @param directory for sockets
   * @param runOptions are added to those of {@code microvm run}
   */
  Vmms(Path home, Path directory, List<String> runOptions) {
    this.home = home;
    this.directory = directory;
    this.runOptions = List.copyOf(runOptions);
  }

  private Path guest() {
    return home.resolve("test-images/target/bare-metal/bench");
  }

  /** microvm, started as a user starts it. */
  Peer.Factory microvm() {
    return factory("microvm", this::microvmCommand);
  }

  private List<String> microvmCommand(Workload workload, List<Path> sockets) {
    List<String> arguments =
        new ArrayList<>(List.of(home.resolve("bin/microvm").toString(), "run"));
    arguments.addAll(List.of("--kernel", guest().toString(), "--append", workload.commandLine()));
    arguments.addAll(List.of("--memory", GUEST_MEMORY_MIB + "M"));
    arguments.addAll(List.of("--device", "virtio-serial,max_ports=" + (sockets.size() + 1)));
    addPorts(arguments, "--chardev", "--device", workload, sockets);
    arguments.addAll(runOptions);
    return arguments;
  }

  /** QEMU's microvm machine, with everything in the kernel that KVM can do there. */
  Peer.Factory qemu() {
    return factory("qemu", this::qemuCommand);
  }

  private List<String> qemuCommand(Workload workload, List<Path> sockets) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "qemu-system-x86_64",
                "-M",
                "microvm,accel=kvm,acpi=off,kernel-irqchip=on",
                "-cpu",
                "host,-arch-capabilities",
                "-nodefaults",
                "-no-user-config",
                "-nographic",
                "-no-reboot",
                "-name",
                "bench,debug-threads=on",
                "-serial",
                "stdio",
                "-global",
                "virtio-mmio.force-legacy=false",
                "-m",
                GUEST_MEMORY_MIB,
                "-kernel",
                guest().toString(),
                "-append",
                workload.commandLine()));
    arguments.addAll(List.of("-device", "virtio-serial-device,max_ports=" + (sockets.size() + 1)));
    addPorts(arguments, "-chardev", "-device", workload, sockets);
    return arguments;
  }

  private static void addPorts(
      List<String> arguments,
      String chardev,
      String device,
      Workload workload,
      List<Path> sockets) {
    String kind = workload.mode() == Workload.Mode.CONSOLE ? "virtconsole" : "virtserialport";
    for (int i = 0; i < sockets.size(); i++) {
      String id = "c" + (i + 1);
      arguments.add(chardev);
      arguments.add("socket,id=%s,path=%s,server=on,wait=off".formatted(id, sockets.get(i)));
      arguments.add(device);
      arguments.add("%s,chardev=%s,nr=%d,name=bench.%d".formatted(kind, id, i + 1, i + 1));
    }
  }

  /** Two host processes that are connected by a unix socket. */
  Peer.Factory pipe() {
    return factory(PIPE, this::pipeCommand);
  }

  private List<String> pipeCommand(Workload workload, List<Path> sockets) {
    return List.of(
        home.resolve("bin/microvm").toString(),
        "bench",
        "peer",
        "--mode",
        workload.mode().word,
        "--buffer",
        Integer.toString(workload.bufferBytes()),
        "--socket",
        sockets.getFirst().toString());
  }

  private Peer.Factory factory(String name, VmmPeer.Command command) {
    return new Peer.Factory() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public Peer start(Workload workload) throws IOException, InterruptedException {
        return VmmPeer.start(command, workload, directory);
      }
    };
  }
}
