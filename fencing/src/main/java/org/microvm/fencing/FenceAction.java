package org.microvm.fencing;

/** The action of a request: {@code fence_cmd_t} of xvm.h. */
public enum FenceAction {
  /** Powers the machine off, without a guest shutdown. */
  OFF(1),
  /** Resets the machine. */
  REBOOT(2),
  /** Starts the machine. */
  ON(3),
  /** Reports whether the machine is on. */
  STATUS(4),
  /** Reports that the service works. */
  DEVICE_STATUS(5),
  /** Lists the machines that the guest may fence, and whether they are on. */
  LIST(6),
  /** Any other number, which the service answers with a failure. */
  UNKNOWN(0);

  private final int code;

  FenceAction(int code) {
    this.code = code;
  }

  /** {@return the number in a request} */
  int code() {
    return code;
  }

  /** {@return the action of a number; {@link #UNKNOWN} if it has none} */
  static FenceAction of(int code) {
    for (FenceAction action : values()) {
      if (action.code == code) {
        return action;
      }
    }
    return UNKNOWN;
  }
}
