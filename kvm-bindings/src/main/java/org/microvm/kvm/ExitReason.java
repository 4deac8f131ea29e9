package org.microvm.kvm;

/**
 * The reasons for which {@code KVM_RUN} returns, as given by {@link VcpuRun#exitReason} ({@code
 * KVM_EXIT_*} of linux/kvm.h; KVM API, section 5).
 *
 * <p>They are integers, not an enum, because a newer kernel may report a reason that is not listed
 * here and because the exit path switches on them.
 */
public final class ExitReason {
  /** The processor gave an exit reason that KVM does not know. */
  public static final int UNKNOWN = 0;

  /** Port I/O. */
  public static final int IO = 2;

  /** A guest-debug event. */
  public static final int DEBUG = 4;

  /** HLT without an in-kernel interrupt controller. */
  public static final int HLT = 5;

  /** Access to guest-physical memory that no slot backs, or a write to a read-only slot. */
  public static final int MMIO = 6;

  /** An interrupt can be injected; only without an in-kernel interrupt controller. */
  public static final int IRQ_WINDOW_OPEN = 7;

  /** A triple fault. */
  public static final int SHUTDOWN = 8;

  /** The processor refused the guest's state. */
  public static final int FAIL_ENTRY = 9;

  /** A signal interrupted the vCPU; the ioctl itself then fails with EINTR. */
  public static final int INTR = 10;

  /** KVM cannot continue, most often because it cannot emulate an instruction. */
  public static final int INTERNAL_ERROR = 17;

  /** The guest requested a shutdown, a reset or a similar event. */
  public static final int SYSTEM_EVENT = 24;

  /** End of interrupt for the I/O APIC; only with a split interrupt controller. */
  public static final int IOAPIC_EOI = 26;

  /** The guest reads a model-specific register that user space handles. */
  public static final int X86_RDMSR = 29;

  /** The guest writes a model-specific register that user space handles. */
  public static final int X86_WRMSR = 30;

  /** A dirty ring is full. */
  public static final int DIRTY_RING_FULL = 31;

  /** The guest took a bus lock, for example a split lock. */
  public static final int X86_BUS_LOCK = 33;

  /** The guest ran for too long without an event window. */
  public static final int NOTIFY = 37;

  /** The guest accessed memory that the host cannot provide. */
  public static final int MEMORY_FAULT = 39;

  private ExitReason() {}

  /**
   * {@return the reason's name without its prefix, or {@code exit reason 99} for an unknown one}
   *
   * @param reason a constant of this class or another number from the kernel
   */
  public static String name(int reason) {
    return switch (reason) {
      case UNKNOWN -> "UNKNOWN";
      case IO -> "IO";
      case DEBUG -> "DEBUG";
      case HLT -> "HLT";
      case MMIO -> "MMIO";
      case IRQ_WINDOW_OPEN -> "IRQ_WINDOW_OPEN";
      case SHUTDOWN -> "SHUTDOWN";
      case FAIL_ENTRY -> "FAIL_ENTRY";
      case INTR -> "INTR";
      case INTERNAL_ERROR -> "INTERNAL_ERROR";
      case SYSTEM_EVENT -> "SYSTEM_EVENT";
      case IOAPIC_EOI -> "IOAPIC_EOI";
      case X86_RDMSR -> "X86_RDMSR";
      case X86_WRMSR -> "X86_WRMSR";
      case DIRTY_RING_FULL -> "DIRTY_RING_FULL";
      case X86_BUS_LOCK -> "X86_BUS_LOCK";
      case NOTIFY -> "NOTIFY";
      case MEMORY_FAULT -> "MEMORY_FAULT";
      default -> "exit reason " + reason;
    };
  }
}
