package org.example.program;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.microvm.machine.Machine;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.GuestImages;
import org.microvm.machine.config.MachineConfig;

/** Boots the guest of the guest-images library and waits until it is ready. */
final class Main {
  private Main() {}

  public static void main(String[] args) throws Exception {
    GuestImages images = GuestImages.installed();
    ByteArrayOutputStream console = new ByteArrayOutputStream();
    MachineConfig config =
        MachineConfig.builder(images.kernel())
            .commandLine(images.commandLine() + " microvm.shell=0")
            .disk(new DiskConfig(images.disk(), true))
            .console(console)
            .build();
    try (Machine machine = Machine.create(config)) {
      machine.start();
      for (int i = 0; i < 600 && !text(console).contains("GUEST READY"); i++) {
        Thread.sleep(100);
      }
    }
    if (!text(console).contains("GUEST READY")) {
      System.err.println(text(console));
      System.exit(1);
    }
    System.out.println(Main.class.getModule() + ": the guest of " + images.directory() + " was ready");
  }

  private static String text(ByteArrayOutputStream console) {
    return console.toString(StandardCharsets.UTF_8);
  }
}
