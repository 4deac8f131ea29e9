package org.microvm.fencing;

/** The answer to a request: the constants {@code RESP_*} of xvm.h. */
public enum FenceResult {
  /** Done; for {@link FenceAction#STATUS}: the machine is on. */
  SUCCESS(0),
  /** It is unknown whether it was done. */
  FAILURE(1),
  /** The machine is off. */
  OFF(2),
  /** The guest may not do that. */
  DENIED(3);

  private final int code;

  FenceResult(int code) {
    this.code = code;
  }

  /** {@return the number in an answer} */
  int code() {
    return code;
  }
}
