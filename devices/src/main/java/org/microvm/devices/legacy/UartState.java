package org.microvm.devices.legacy;

import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

/**
 * The state of a {@link Uart16550}.
 *
 * @param received bytes that the guest has not read, oldest first; those for which there is no room
 *     are still on the line
 * @param ier interrupt enable register
 * @param lcr line control register
 * @param mcr modem control register
 * @param scratch scratch register
 * @param divisor the baud rate divisor
 * @param trigger number of bytes in the FIFO at which it interrupts
 * @param modemChanges the change bits that the modem status register has yet to report
 * @param fifo whether the FIFOs are on
 * @param overrun whether a received byte was lost
 * @param transmitterEmptied whether the transmitter's interrupt is due
 */
record UartState(
    byte[] received,
    int ier,
    int lcr,
    int mcr,
    int scratch,
    int divisor,
    int trigger,
    int modemChanges,
    boolean fifo,
    boolean overrun,
    boolean transmitterEmptied) {

  void write(StateOutput output) {
    output.putBytes(received);
    output.putByte(ier).putByte(lcr).putByte(mcr).putByte(scratch);
    output.putShort(divisor).putByte(trigger).putByte(modemChanges);
    output.putBoolean(fifo).putBoolean(overrun).putBoolean(transmitterEmptied);
  }

  static UartState read(StateInput input) throws StateException {
    UartState state =
        new UartState(
            input.getBytes(UartReceiver.mostWaiting(true)),
            input.getByte(Uart16550.IER_ALL),
            input.getByte(),
            input.getByte(UartModem.MCR_ALL),
            input.getByte(),
            input.getShort(),
            input.getByte(Uart16550.FIFO_SIZE),
            input.getByte(UartModem.MSR_CHANGES),
            input.getBoolean(),
            input.getBoolean(),
            input.getBoolean());
    input.end();
    if (state.received.length > UartReceiver.mostWaiting(state.fifo)) {
      throw input.damaged(state.received.length + " bytes wait for a guest without a FIFO");
    }
    return state;
  }
}
