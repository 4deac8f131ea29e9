package org.microvm.machine.x86;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.kvm.Cpuid;

/**
 * The CPU features that a guest sees in CPUID. The guest relies on them wherever it is migrated to.
 *
 * @param words the CPUID words at {@link #PLACES}, in that order
 */
public record CpuFeatures(List<Integer> words) {
  private enum Register {
    EAX,
    EBX,
    ECX,
    EDX
  }

  /**
   * One 32-bit word of CPUID: a function, an index and an output register.
   *
   * @param ignored bits that may differ: they describe the topology, which is not a feature of the
   *     host, or are features that do not depend on it
   */
  private record Place(int function, int index, Register register, int ignored) {
    Place(int function, int index, Register register) {
      this(function, index, register, 0);
    }

    int read(Cpuid cpuid) {
      int position = cpuid.find(function, index);
      if (position < 0) {
        return 0;
      }
      return switch (register) {
        case EAX -> cpuid.eax(position);
        case EBX -> cpuid.ebx(position);
        case ECX -> cpuid.ecx(position);
        case EDX -> cpuid.edx(position);
      };
    }

    @Override
    public String toString() {
      return "CPUID 0x%x.%d %s".formatted(function, index, register);
    }
  }

  /** Number of words with the vendor string, which must be the same on both CPUs. */
  private static final int VENDOR_WORDS = 3;

  /** The vendor, then words in which each bit is a feature. New words may only be appended. */
  private static final List<Place> PLACES =
      List.of(
          new Place(0, 0, Register.EBX),
          new Place(0, 0, Register.ECX),
          new Place(0, 0, Register.EDX),
          new Place(1, 0, Register.ECX),
          new Place(1, 0, Register.EDX, CpuidTopology.EDX_HTT),
          new Place(7, 0, Register.EBX),
          new Place(7, 0, Register.ECX),
          new Place(7, 0, Register.EDX),
          new Place(7, 1, Register.EAX),
          new Place(0xd, 0, Register.EAX),
          new Place(0xd, 1, Register.EAX),
          new Place(
              0x8000_0001,
              0,
              Register.ECX,
              CpuidTopology.ECX_CMP_LEGACY | CpuidTopology.ECX_TOPOLOGY_EXTENSIONS),
          new Place(0x8000_0001, 0, Register.EDX),
          new Place(0x8000_0008, 0, Register.EBX),
          new Place(GuestCpuid.PARAVIRTUAL, 0, Register.EAX, ~GuestCpuid.EAX_HYPERCALLS));

  private static final int MAX_WORDS = 256;

  /** Reads the features from a CPUID table. */
  public static CpuFeatures of(Cpuid cpuid) {
    return new CpuFeatures(PLACES.stream().map(place -> place.read(cpuid)).toList());
  }

  /** Writes the features for another process. */
  public void write(StateOutput output) {
    output.putInt(words.size());
    words.forEach(output::putInt);
  }

  /** Reads what {@link #write} wrote. */
  public static CpuFeatures read(StateInput input) throws StateException {
    List<Integer> words = new ArrayList<>();
    for (int left = input.getInt(VENDOR_WORDS, MAX_WORDS); left > 0; left--) {
      words.add(input.getInt());
    }
    return new CpuFeatures(List.copyOf(words));
  }

  /**
   * Describes, for the user, a difference that prevents a guest with these features from running on
   * another CPU; empty if there is none. Words that only one side has are not compared.
   */
  public Optional<String> missingOn(CpuFeatures other) {
    if (!words.subList(0, VENDOR_WORDS).equals(other.words.subList(0, VENDOR_WORDS))) {
      return Optional.of("the CPUs are of different vendors");
    }
    int common = Math.min(PLACES.size(), Math.min(words.size(), other.words.size()));
    for (int i = VENDOR_WORDS; i < common; i++) {
      int missing = words.get(i) & ~other.words.get(i) & ~PLACES.get(i).ignored();
      if (missing != 0) {
        return Optional.of(
            "the guest uses CPU features that this host lacks: %s bits 0x%08x"
                .formatted(PLACES.get(i), missing));
      }
    }
    return Optional.empty();
  }
}
