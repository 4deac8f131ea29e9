package org.microvm.kvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The content of structs of asm/kvm.h that jextract does not describe. */
final class VcpuStructs {
  /** Offsets in struct kvm_vcpu_events. */
  private static final long EVENT_INJECTED = 0;

  private static final long EVENT_VECTOR = 1;
  private static final long EVENT_HAS_ERROR_CODE = 2;
  private static final long EVENT_PENDING = 3;
  private static final long EVENT_ERROR_CODE = 4;

  /** Offsets in struct kvm_guest_debug, and bits of its control word (asm/kvm.h). */
  private static final long DEBUG_CONTROL = 0;

  private static final long DEBUG_REGISTER_0 = 8;
  private static final long DEBUG_REGISTER_7 = DEBUG_REGISTER_0 + 7 * Long.BYTES;
  private static final int DEBUG_ENABLE = 1;
  private static final int DEBUG_USE_HARDWARE_BREAKPOINTS = 0x20000;

  /** DR7: breakpoint 0 is enabled, for the execution of an instruction. */
  private static final long DR7_BREAKPOINT_0 = 0x402;

  private VcpuStructs() {}

  /** Adds an exception to a struct kvm_vcpu_events. */
  static void exception(MemorySegment events, int vector, boolean hasCode, int code) {
    events.set(ValueLayout.JAVA_BYTE, EVENT_INJECTED, (byte) 1);
    events.set(ValueLayout.JAVA_BYTE, EVENT_VECTOR, (byte) vector);
    events.set(ValueLayout.JAVA_BYTE, EVENT_HAS_ERROR_CODE, (byte) (hasCode ? 1 : 0));
    events.set(ValueLayout.JAVA_BYTE, EVENT_PENDING, (byte) 0);
    events.set(ValueLayout.JAVA_INT, EVENT_ERROR_CODE, code);
  }

  /** Sets a breakpoint for the execution of one instruction in an empty struct kvm_guest_debug. */
  static void breakpoint(MemorySegment debug, long address) {
    debug.set(ValueLayout.JAVA_INT, DEBUG_CONTROL, DEBUG_ENABLE | DEBUG_USE_HARDWARE_BREAKPOINTS);
    debug.set(ValueLayout.JAVA_LONG, DEBUG_REGISTER_0, address);
    debug.set(ValueLayout.JAVA_LONG, DEBUG_REGISTER_7, DR7_BREAKPOINT_0);
  }
}
