package org.microvm.machine.vcpu;

/** A processor of which only what {@link CpuAccess} needs exists. */
final class FakeCpu implements CpuAccess {
  byte[] code = {};
  long rip = 0x1000;
  long rflags = 2;
  int injected = -1;

  @Override
  public long rip() {
    return rip;
  }

  @Override
  public long rflags() {
    return rflags;
  }

  @Override
  public void resume(long newRip, long newFlags) {
    rip = newRip;
    rflags = newFlags;
  }

  @Override
  public void injectException(int vector) {
    injected = vector;
  }

  @Override
  public byte[] code() {
    return code;
  }
}
