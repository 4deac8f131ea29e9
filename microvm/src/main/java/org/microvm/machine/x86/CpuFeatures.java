package org.microvm.machine.x86;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.kvm.Cpuid;

/**
 * What a guest has found its CPU to be able to do, by CPUID: it relies on that wherever it goes.
 *
 * @param words those of {@link #PLACES}, in that order
 */
public record CpuFeatures(List<Integer> words) {
  private enum Register {
    EAX,
    EBX,
    ECX,
    EDX
  }

  /** A word of the CPUID instruction's answers. */
  private record Place(int function, int index, Register register) {
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

  /** Who made the CPU, which has to be the same. */
  private static final int VENDOR_WORDS = 3;

  /** The vendor, then words of which each bit is a feature. More are only ever appended. */
  private static final List<Place> PLACES =
      List.of(
          new Place(0, 0, Register.EBX),
          new Place(0, 0, Register.ECX),
          new Place(0, 0, Register.EDX),
          new Place(1, 0, Register.ECX),
          new Place(1, 0, Register.EDX),
          new Place(7, 0, Register.EBX),
          new Place(7, 0, Register.ECX),
          new Place(7, 0, Register.EDX),
          new Place(7, 1, Register.EAX),
          new Place(0xd, 0, Register.EAX),
          new Place(0xd, 1, Register.EAX),
          new Place(0x8000_0001, 0, Register.ECX),
          new Place(0x8000_0001, 0, Register.EDX),
          new Place(0x8000_0008, 0, Register.EBX));

  private static final int MOST_WORDS = 256;

  /** The features that a CPUID table shows. */
  public static CpuFeatures of(Cpuid cpuid) {
    return new CpuFeatures(PLACES.stream().map(place -> place.read(cpuid)).toList());
  }

  /** Writes them for another process. */
  public void write(StateOutput output) {
    output.putInt(words.size());
    words.forEach(output::putInt);
  }

  /** Reads what {@link #write} wrote. */
  public static CpuFeatures read(StateInput input) throws StateException {
    List<Integer> words = new ArrayList<>();
    for (int left = input.getInt(VENDOR_WORDS, MOST_WORDS); left > 0; left--) {
      words.add(input.getInt());
    }
    return new CpuFeatures(List.copyOf(words));
  }

  /**
   * What a guest with these features would miss on another CPU, for a person to read. Words that
   * only one of the two knows of are not compared.
   */
  public Optional<String> missingOn(CpuFeatures other) {
    if (!words.subList(0, VENDOR_WORDS).equals(other.words.subList(0, VENDOR_WORDS))) {
      return Optional.of("the CPUs are of different vendors");
    }
    int common = Math.min(PLACES.size(), Math.min(words.size(), other.words.size()));
    for (int i = VENDOR_WORDS; i < common; i++) {
      int missing = words.get(i) & ~other.words.get(i);
      if (missing != 0) {
        return Optional.of(
            "the guest's CPU has features that are missing here: %s 0x%08x"
                .formatted(PLACES.get(i), missing));
      }
    }
    return Optional.empty();
  }
}
