package org.microvm.devices.state;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A saved state is read back unchanged, or refused with a message of one line. */
@Timeout(60)
class StateFormatTest {
  private static byte[] sample() {
    StateWriter writer = new StateWriter();
    writer
        .section("first", 3, SectionPolicy.REQUIRED)
        .putBoolean(true)
        .putByte(0xfe)
        .putShort(0xfffe)
        .putInt(-2)
        .putLong(Long.MIN_VALUE)
        .putBytes(new byte[1000])
        .putString("größe");
    writer.section("second", 1, SectionPolicy.OPTIONAL).putInt(7);
    writer.section("empty", 1, SectionPolicy.REQUIRED);
    return writer.toByteArray();
  }

  private static String refusal(byte[] state) {
    String message = assertThrows(StateException.class, () -> StateReader.of(state)).getMessage();
    assertFalse(message.isEmpty() || message.contains("\n"), message);
    return message;
  }

  @Test
  void fields_comeBackAsTheyWere() throws Exception {
    StateReader reader = StateReader.of(sample());

    StateInput first = reader.take("first", 3);
    assertEquals(3, first.version());
    assertTrue(first.getBoolean());
    assertEquals(0xfe, first.getByte());
    assertEquals(0xfffe, first.getShort());
    assertEquals(-2, first.getInt());
    assertEquals(Long.MIN_VALUE, first.getLong());
    assertArrayEquals(new byte[1000], first.getBytes(1000));
    assertEquals("größe", first.getString(100));
    first.end();
    assertEquals(7, reader.take("second", 1).getInt());
    reader.take("empty", 1).end();
    reader.end();
  }

  /** Field by field in chunks, and in arrays that are not copied. */
  @Test
  void largeSection_comesBackAsItWas() throws Exception {
    Random random = new Random(11);
    StateWriter writer = new StateWriter();
    StateOutput output = writer.section("large", 1, SectionPolicy.REQUIRED);
    List<byte[]> sent = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      byte[] bytes = new byte[random.nextInt(20_000)];
      random.nextBytes(bytes);
      sent.add(bytes);
      output.putInt(i).putBytes(bytes).putLong(-i);
    }
    byte[] alone = output.toByteArray();

    StateInput input = StateReader.of(writer.toByteArray()).take("large", 1);

    assertEquals(alone.length, input.remaining());
    for (int i = 0; i < sent.size(); i++) {
      assertEquals(i, input.getInt());
      assertArrayEquals(sent.get(i), input.getBytes(20_000));
      assertEquals(-i, input.getLong());
    }
    input.end();
  }

  @Test
  void stateThatNoReaderAccepts_isRefusedBeforeItIsCopied() throws Exception {
    StateWriter writer = new StateWriter();
    StateOutput output = writer.section("large", 1, SectionPolicy.REQUIRED);
    byte[] bytes = new byte[1 << 20];
    for (int left = StateReader.MAX_BYTES - bytes.length; left > 0; left -= bytes.length) {
      output.putBytes(bytes);
    }
    writer.checkSize();
    output.putBytes(bytes);

    StateException refused = assertThrows(StateException.class, writer::checkSize);

    assertTrue(refused.getMessage().contains("more than 67108864"), refused.getMessage());
  }

  /** With copies of copies, this took five times the size of the saved bytes. */
  @Test
  void keptBytes_areInMemoryTwiceAtMost() {
    Runtime runtime = Runtime.getRuntime();
    System.gc();
    long before = runtime.totalMemory() - runtime.freeMemory();
    byte[] kept = new byte[48 << 20];
    StateWriter writer = new StateWriter();
    writer.section("kept", 1, SectionPolicy.REQUIRED).putBytes(kept);
    byte[] state = writer.toByteArray();
    long after = runtime.totalMemory() - runtime.freeMemory(); // garbage included

    assertTrue(state.length > kept.length);
    assertTrue(after - before < 5L * kept.length / 2, () -> after - before + " bytes");
  }

  @Test
  void writeTo_givesTheSameBytesWithoutACopy() throws Exception {
    byte[] kept = new byte[1 << 20];
    new Random(3).nextBytes(kept);
    StateWriter writer = new StateWriter();
    writer.section("small", 1, SectionPolicy.OPTIONAL).putLong(7);
    writer.section("kept", 2, SectionPolicy.REQUIRED).putBytes(kept).putInt(1);
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    List<byte[]> arrays = new ArrayList<>();

    writer.writeTo(
        piece -> {
          arrays.add(piece.array());
          all.write(piece.array(), piece.arrayOffset() + piece.position(), piece.remaining());
        });

    assertArrayEquals(writer.toByteArray(), all.toByteArray());
    assertTrue(arrays.stream().anyMatch(array -> array == kept));
    assertTrue(arrays.stream().allMatch(array -> array == kept || array.length <= 64 << 10));
  }

  @Test
  void everyBitFlipped_isRefused() {
    byte[] good = sample();
    for (int bit = 0; bit < good.length * Byte.SIZE; bit++) {
      byte[] bad = good.clone();
      bad[bit / Byte.SIZE] ^= (byte) (1 << bit % Byte.SIZE);
      refusal(bad);
    }
  }

  @Test
  void moreSectionsThanAMachineHas_areRefused() {
    StateWriter writer = new StateWriter();
    for (int i = 0; i <= StateFormat.MAX_SECTIONS; i++) {
      writer.section("s" + i, 1, SectionPolicy.OPTIONAL);
    }

    assertTrue(refusal(writer.toByteArray()).contains("more than 4096 sections"));
  }

  @Test
  void numbersOutOfBounds_areRefused() {
    byte[] bytes = new StateOutput().putByte(9).putLong(-1).toByteArray();
    StateInput input = new StateInput("device", 1, bytes);

    assertThrows(StateException.class, () -> input.getByte(8));
    assertThrows(StateException.class, () -> input.getLong(0, 7));
  }

  @Test
  void everyTruncation_isRefused() {
    byte[] good = sample();
    for (int length = 0; length < good.length; length++) {
      refusal(Arrays.copyOf(good, length));
    }
  }

  @Test
  void bytesBehindTheEnd_areRefused() {
    byte[] good = sample();

    assertEquals(
        "saved state: its length or number of sections is wrong",
        refusal(Arrays.copyOf(good, good.length + 1)));
  }

  @Test
  void somethingElse_isNamedAsSuch() {
    assertEquals("this is not a saved state", refusal(new byte[0]));
    assertEquals("this is not a saved state", refusal("#!/bin/sh\necho hello\n".getBytes()));
  }

  @Test
  void unknownSections_areSkippedOnlyIfOptional() throws Exception {
    StateReader reader = StateReader.of(sample());
    reader.take("first", 3);
    StateException refused = assertThrows(StateException.class, reader::end);
    assertTrue(refused.getMessage().contains("empty"), refused.getMessage());

    reader.take("empty", 1);
    reader.end(); // "second" is optional
  }

  @Test
  void laterVersion_isRefusedOrSkipped() throws Exception {
    StateReader reader = StateReader.of(sample());
    StateException refused = assertThrows(StateException.class, () -> reader.take("first", 2));
    assertTrue(refused.getMessage().contains("version 3"), refused.getMessage());

    assertTrue(reader.takeIfPresent("second", 0).isEmpty());
    assertTrue(reader.takeIfPresent("third", 1).isEmpty());
  }

  @Test
  void missingSection_isRefused() throws Exception {
    StateReader reader = StateReader.of(sample());

    StateException refused = assertThrows(StateException.class, () -> reader.take("third", 1));

    assertTrue(refused.getMessage().contains("third"), refused.getMessage());
  }

  @Test
  void fieldsBeyondTheSection_areRefused() throws Exception {
    StateInput second = StateReader.of(sample()).take("second", 1);

    assertThrows(StateException.class, second::getLong);
    assertThrows(StateException.class, () -> second.getInt(8, 9));
  }

  @Test
  void lengthsBeyondTheLimit_areRefusedBeforeAnythingIsAllocated() {
    byte[] payload = new StateOutput().putInt(Integer.MAX_VALUE).toByteArray();

    assertThrows(
        StateException.class, () -> new StateInput("x", 1, payload).getBytes(Integer.MAX_VALUE));
    assertThrows(StateException.class, () -> new StateInput("x", 1, payload).getBytes(16));
  }

  @Test
  void fieldsTooMany_areRefused() {
    StateInput input = new StateInput("x", 1, new byte[1]);

    assertThrows(StateException.class, input::end);
  }

  @Test
  void nameTwice_isAMistakeOfTheWriter() {
    StateWriter writer = new StateWriter();
    writer.section("a", 1, SectionPolicy.REQUIRED);

    assertThrows(
        IllegalArgumentException.class, () -> writer.section("a", 1, SectionPolicy.REQUIRED));
  }
}
