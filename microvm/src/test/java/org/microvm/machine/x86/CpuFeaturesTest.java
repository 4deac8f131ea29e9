package org.microvm.machine.x86;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

/** Whether a guest can move from one CPU to another. */
@Timeout(10)
class CpuFeaturesTest {
  private static final CpuFeatures SOME = features(0x11);

  /** Features of a vendor's CPU, with the same bits in each word. */
  private static CpuFeatures features(int bits) {
    List<Integer> words = new ArrayList<>(List.of(1, 2, 3));
    for (int i = 0; i < 11; i++) {
      words.add(bits);
    }
    return new CpuFeatures(words);
  }

  @Test
  void sameCpu_missesNothing() {
    assertEquals(Optional.empty(), SOME.missingOn(SOME));
  }

  @Test
  void largerCpu_missesNothing() {
    assertEquals(Optional.empty(), SOME.missingOn(features(0x31)));
  }

  @Test
  void smallerCpu_isRefusedWithTheMissingFeatures() {
    assertEquals(
        Optional.of(
            "the guest uses CPU features that this host lacks: CPUID 0x1.0 ECX bits 0x00000010"),
        SOME.missingOn(features(0x21)));
  }

  @Test
  void otherVendor_isRefused() {
    List<Integer> words = new ArrayList<>(SOME.words());
    words.set(1, 4);

    assertEquals(
        Optional.of("the CPUs are of different vendors"), SOME.missingOn(new CpuFeatures(words)));
  }

  @Test
  void wordsOfALaterVersion_areNotCompared() {
    List<Integer> words = new ArrayList<>(SOME.words());
    words.add(-1);

    assertEquals(Optional.empty(), new CpuFeatures(words).missingOn(SOME));
    assertEquals(Optional.empty(), SOME.missingOn(new CpuFeatures(words)));
  }

  @Test
  void written_isReadAgain() throws Exception {
    StateOutput output = new StateOutput();
    SOME.write(output);

    assertEquals(SOME, CpuFeatures.read(new StateInput("hello", 1, output.toByteArray())));
  }
}
