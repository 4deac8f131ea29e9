package org.microvm.devices.legacy;

import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

/**
 * The state of a {@link CmosRtc}, without the time, which is the host's.
 *
 * @param memory the registers and the memory that follows them
 * @param index the register that the data port accesses
 */
record CmosState(byte[] memory, int index) {
  void write(StateOutput output) {
    output.putBytes(memory).putByte(index);
  }

  static CmosState read(StateInput input) throws StateException {
    byte[] memory = input.getBytes(CmosRtc.MEMORY_BYTES);
    if (memory.length != CmosRtc.MEMORY_BYTES) {
      throw input.damaged("it has %d bytes of memory, not 128".formatted(memory.length));
    }
    CmosState state = new CmosState(memory, input.getByte(CmosRtc.MEMORY_BYTES - 1));
    input.end();
    CmosRtc.check(memory, input);
    return state;
  }
}
