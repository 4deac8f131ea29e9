package org.microvm.machine.vcpu;

import java.util.Arrays;
import java.util.function.Consumer;
import org.microvm.kvm.Registers;
import org.microvm.kvm.SpecialRegisters;
import org.microvm.kvm.Vcpu;
import org.microvm.linux.ErrnoException;
import org.microvm.machine.config.GuestSample;
import org.microvm.machine.emulation.GuestPageTables;
import org.microvm.memory.GuestMemory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes samples of one vCPU: any thread requests one, and the vCPU's thread takes it after a kick
 * has made it leave the guest.
 */
public final class GuestSampler {
  private static final Logger LOG = LoggerFactory.getLogger(GuestSampler.class);
  private static final int MAX_FRAMES = 64;

  private final Vcpu vcpu;
  private final GuestMemory memory;
  private final Registers registers = new Registers();
  private final SpecialRegisters special = new SpecialRegisters();
  private volatile Consumer<GuestSample> wanted;

  /** Creates the sampler of this vCPU. */
  public GuestSampler(Vcpu vcpu, GuestMemory memory) {
    this.vcpu = vcpu;
    this.memory = memory;
  }

  /** Requests one sample. */
  void request(Consumer<GuestSample> sink) {
    wanted = sink;
    vcpu.kick();
  }

  /** Takes the requested sample; called on the vCPU's thread, after a kick. */
  void answer() {
    Consumer<GuestSample> sink = wanted;
    if (sink == null) {
      return;
    }
    wanted = null;
    try {
      vcpu.get(registers);
      vcpu.get(special);
    } catch (ErrnoException e) {
      return; // Only this sample is missing.
    }
    int level = special.get(SpecialRegisters.Name.CS).selector() & 3;
    try {
      sink.accept(new GuestSample(vcpu.id(), level, addresses(level)));
    } catch (RuntimeException | Error e) {
      LOG.error("a sink of samples of vCPU {} failed", vcpu.id(), e);
    }
  }

  private long[] addresses(int level) {
    long[] found = new long[MAX_FRAMES];
    int count = 0;
    found[count++] = registers.rip();
    GuestPageTables tables = new GuestPageTables(memory, special.cr3());
    long frame = level == 0 ? registers.rbp() : 0;
    while (count < MAX_FRAMES && frame != 0 && (frame & 7) == 0) {
      long caller = tables.read(frame + Long.BYTES);
      long next = tables.read(frame);
      if (caller == 0) {
        break;
      }
      found[count++] = caller;
      // Stacks grow down, so a caller's frame is at a higher address; otherwise the chain is
      // invalid.
      frame = Long.compareUnsigned(next, frame) > 0 ? next : 0;
    }
    return Arrays.copyOf(found, count);
  }
}
