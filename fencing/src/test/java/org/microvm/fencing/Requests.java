package org.microvm.fencing;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Requests as fence_virt writes them, for tests. */
final class Requests {
  private Requests() {}

  static ByteBuffer of(FenceAction action, String machine) {
    return of(action.code(), 0, machine.getBytes(StandardCharsets.ISO_8859_1));
  }

  static ByteBuffer of(int action, int flags, byte[] machine) {
    ByteBuffer request = ByteBuffer.allocate(74).order(ByteOrder.LITTLE_ENDIAN);
    request.putInt(0x61626261).put((byte) action).put((byte) flags).put(machine);
    return request.position(70).putInt(123456).flip();
  }
}
