package org.microvm.machine.emulation;

/** The instructions that are emulated, as the statistics name them. */
enum Emulated {
  INT3("int3"),
  FWAIT("fwait"),
  CLAC("clac"),
  STAC("stac"),
  POPCNT("popcnt"),
  CMPXCHG16B("cmpxchg16b"),
  SYSRET("sysret");

  private final String mnemonic;

  Emulated(String mnemonic) {
    this.mnemonic = mnemonic;
  }

  String mnemonic() {
    return mnemonic;
  }
}
