package org.microvm.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class BpfAssemblerTest {
  private final BpfAssembler assembler = new BpfAssembler();

  @Test
  void jump_skipsWhatIsBetween() {
    BpfAssembler.Label yes = new BpfAssembler.Label();
    assembler.load(0);
    assembler.jumpIfEqual(5, yes, null);
    assembler.end(1);
    assembler.place(yes);
    assembler.end(2);
    BpfProgram program = assembler.assemble();

    assertEquals(1, BpfInterpreter.run(program, 0, 4));
    assertEquals(2, BpfInterpreter.run(program, 0, 5));
  }

  @Test
  void comparison_isUnsigned() {
    BpfAssembler.Label yes = new BpfAssembler.Label();
    assembler.load(0);
    assembler.jumpIfAtLeast(0x7fff_ffff, yes, null);
    assembler.end(1);
    assembler.place(yes);
    assembler.end(2);

    assertEquals(2, BpfInterpreter.run(assembler.assemble(), 0, -1));
  }

  @Test
  void labelBehindItsJump_isRefused() {
    BpfAssembler.Label back = new BpfAssembler.Label();
    assembler.place(back);
    assembler.load(0);
    assembler.jump(back);

    assertThrows(IllegalStateException.class, assembler::assemble);
  }

  @Test
  void conditionalJumpOver256Instructions_isRefused() {
    BpfAssembler.Label far = new BpfAssembler.Label();
    assembler.jumpIfEqual(0, far, null);
    for (int i = 0; i < 256; i++) {
      assembler.load(0);
    }
    assembler.place(far);
    assembler.end(0);

    assertThrows(IllegalStateException.class, assembler::assemble);
  }

  @Test
  void labelWithoutPlace_isRefused() {
    assembler.jump(new BpfAssembler.Label());

    assertThrows(IllegalStateException.class, assembler::assemble);
  }

  @Test
  @SuppressWarnings("restricted")
  void encoding_isThatOfSockFilter() {
    BpfAssembler.Label yes = new BpfAssembler.Label();
    assembler.load(4);
    assembler.jumpIfEqual(0xc000_003e, yes, null);
    assembler.end(0x8000_0000);
    assembler.place(yes);
    assembler.end(0x7fff_0000);

    try (Arena arena = Arena.ofConfined()) {
      MemorySegment program = assembler.assemble().encode(arena);
      MemorySegment filters =
          MemorySegment.ofAddress(program.get(ValueLayout.JAVA_LONG, 8)).reinterpret(32);
      assertEquals(4, program.get(ValueLayout.JAVA_SHORT, 0));
      assertEquals(
          "2000000004000000" + "150001003e0000c0" + "0600000000000080" + "060000000000ff7f",
          HexFormat.of().formatHex(filters.toArray(ValueLayout.JAVA_BYTE)));
    }
  }
}
