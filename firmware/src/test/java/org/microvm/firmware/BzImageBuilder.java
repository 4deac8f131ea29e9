package org.microvm.firmware;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Builds bzImages: a setup header in two sectors, followed by a payload. */
public final class BzImageBuilder {
  /** Offset of the payload: after the boot sector, one setup sector and 16 unrelated bytes. */
  private static final int PAYLOAD = 1024 + 16;

  private final byte[] payload;
  private int version = 0x20f;
  private int loadFlags = 1;
  private int extendedLoadFlags = 1;
  private int commandLineSize = 2047;
  private int initrdAddressMax = 0x7fff_ffff;
  private int payloadLength;

  private BzImageBuilder(byte[] payload) {
    this.payload = payload;
    this.payloadLength = payload.length;
  }

  public static BzImageBuilder of(byte[] payload) {
    return new BzImageBuilder(payload);
  }

  public BzImageBuilder version(int number) {
    version = number;
    return this;
  }

  public BzImageBuilder loadFlags(int flags) {
    loadFlags = flags;
    return this;
  }

  public BzImageBuilder extendedLoadFlags(int flags) {
    extendedLoadFlags = flags;
    return this;
  }

  public BzImageBuilder commandLineSize(int size) {
    commandLineSize = size;
    return this;
  }

  public BzImageBuilder initrdAddressMax(int address) {
    initrdAddressMax = address;
    return this;
  }

  public BzImageBuilder payloadLength(int length) {
    payloadLength = length;
    return this;
  }

  public byte[] build() {
    ByteBuffer file = ByteBuffer.allocate(PAYLOAD + payload.length).order(ByteOrder.LITTLE_ENDIAN);
    file.put(0x1f1, (byte) 1);
    file.putShort(0x1fe, (short) 0xaa55);
    // "jmp" over the header: its second byte gives the header's end, 0x26c.
    file.putShort(0x200, (short) 0x6aeb);
    file.putInt(0x202, 0x53726448);
    file.putShort(0x206, (short) version);
    file.put(0x211, (byte) loadFlags);
    file.putInt(0x22c, initrdAddressMax);
    file.putInt(0x230, 0x200000);
    file.putShort(0x236, (short) extendedLoadFlags);
    file.putInt(0x238, commandLineSize);
    file.putInt(0x248, PAYLOAD - 1024);
    file.putInt(0x24c, payloadLength);
    file.put(PAYLOAD, payload);
    return file.array();
  }
}
