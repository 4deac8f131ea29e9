package org.microvm.qmp;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;

/** The commands that write parts of the guest's memory to a file, as they are. */
final class MemoryCommands {
  private static final int PIECE = 1 << 20;

  /** As many bytes as there can be in guest-physical memory (Intel SDM volume 3, section 4.1.4). */
  private static final long MAX_BYTES = 1L << 52;

  private final QmpTarget target;

  MemoryCommands(QmpTarget target) {
    this.target = target;
  }

  void addTo(QmpCommands commands, CommandThreads threads) {
    commands.addSlow("memsave", arguments -> threads.begin(saveVirtual(arguments)));
    commands.addSlow("pmemsave", arguments -> threads.begin(savePhysical(arguments)));
  }

  /** Fills the array with the bytes at an address. */
  private interface Source {
    void read(long address, byte[] piece) throws IOException, QmpException;
  }

  private CommandThreads.Action savePhysical(QmpArguments arguments) throws QmpException {
    long from = arguments.number("val");
    long size = size(arguments);
    String file = arguments.text("filename");
    arguments.finish();
    if (from < 0 || from > Long.MAX_VALUE - size) {
      throw QmpException.generic("Invalid addr 0x%016x/size %d specified", from, size);
    }
    GuestAccess access = target.access();
    return () -> save(file, from, size, access::readPhysical);
  }

  private CommandThreads.Action saveVirtual(QmpArguments arguments) throws QmpException {
    long from = arguments.number("val");
    long size = size(arguments);
    String file = arguments.text("filename");
    long vcpu = arguments.optionalNumber("cpu-index").orElse(0L);
    arguments.finish();
    if (vcpu < 0 || vcpu >= target.facts().topology().cpus()) {
      throw QmpException.generic("Parameter 'cpu-index' expects a CPU number");
    }
    GuestAccess access = target.access();
    Source source =
        (address, piece) -> {
          if (!access.readVirtual((int) vcpu, address, piece)) {
            throw QmpException.generic(
                "Invalid addr 0x%016x/size %d specified", address, from + size - address);
          }
        };
    return () -> save(file, from, size, source);
  }

  private static long size(QmpArguments arguments) throws QmpException {
    long size = arguments.number("size");
    if (size < 0 || size > MAX_BYTES) {
      throw QmpException.generic("Parameter 'size' expects a number of bytes, at most 2^52");
    }
    return size;
  }

  private static void save(String name, long from, long size, Source source) throws QmpException {
    try (Fd file = DumpCommands.open(name)) {
      for (long done = 0; done < size; done += PIECE) {
        byte[] piece = new byte[(int) Math.min(PIECE, size - done)];
        source.read(from + done, piece);
        write(file, piece);
      }
    } catch (IOException e) {
      throw QmpException.generic("%s", e.getMessage());
    }
  }

  private static void write(Fd file, byte[] piece) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocateFrom(ValueLayout.JAVA_BYTE, piece);
      for (long done = 0; done < piece.length; ) {
        done += ErrnoException.check(file.write(bytes.asSlice(done)), "write", file);
      }
    }
  }
}
