package org.microvm.cli;

import java.io.IOException;
import java.time.Duration;
import org.microvm.cli.named.MachineFiles;
import org.microvm.spice.Clipboard;
import picocli.CommandLine.Mixin;

/** Selects the clipboard of a machine, and says how long to wait for it. */
final class ClipboardTarget {
  @Mixin private ChannelTarget channel;

  /** The time limit for an answer. */
  Duration limit() {
    return channel.limit();
  }

  /** How the machine was selected. */
  String name() {
    return channel.name();
  }

  /** Starts to watch how the machine ends; null if it is not known. */
  MachineEndWatch watchEnd() throws IOException {
    return channel.watchEnd("clipboard");
  }

  /** Connects to the clipboard of the machine. */
  Clipboard connect() throws IOException {
    return Clipboard.connect(
        channel.socket(
            "clipboard",
            MachineFiles::clipboard,
            "has no clipboard; run it with --chardev qemu-vdagent,id=ID,clipboard=on and --device"
                + " virtserialport,chardev=ID,name=com.redhat.spice.0"));
  }
}
