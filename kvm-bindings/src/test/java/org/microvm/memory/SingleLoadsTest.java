package org.microvm.memory;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SingleLoadsTest {
  private final MemorySegment memory = Arena.ofAuto().allocate(32, 8);

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 4, 7, 8})
  void values_atAnyAlignment_areLittleEndian(int offset) {
    for (int i = 0; i < Long.BYTES; i++) {
      memory.set(ValueLayout.JAVA_BYTE, offset + i, (byte) (0xf8 - i));
    }

    assertEquals(0xf8, SingleLoads.getByte(memory, offset));
    assertEquals(0xf7f8, SingleLoads.getShort(memory, offset));
    assertEquals(0xf5f6f7f8, SingleLoads.getInt(memory, offset));
    assertEquals(0xf1f2f3f4f5f6f7f8L, SingleLoads.getLong(memory, offset));
  }

  @Test
  void guestMemory_hasNoPlainLoadThatTheCompilerMayRepeat() {
    noClasses()
        .should()
        .callMethodWhere(
            describe(
                "the method is MemorySegment.get",
                (JavaMethodCall call) ->
                    call.getTargetOwner().getName().equals(MemorySegment.class.getName())
                        && call.getName().startsWith("get")))
        .check(new ClassFileImporter().importClasses(GuestMemory.class, SingleLoads.class));
  }
}
