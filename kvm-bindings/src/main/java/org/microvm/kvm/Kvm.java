package org.microvm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.microvm.bindings.Linux;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.syscall.Descriptor;

/**
 * The host's KVM, {@code /dev/kvm}: reports capabilities and creates VMs (KVM API,
 * KVM_CHECK_EXTENSION, KVM_CREATE_VM).
 *
 * <p>Any thread may call. It may be closed once the last VM has been created.
 */
public final class Kvm implements AutoCloseable {
  /** The usual path of the device. */
  public static final Path DEVICE = Path.of("/dev/kvm");

  private final Fd fd;
  private final int vcpuMmapSize;

  private Kvm(Fd fd, int vcpuMmapSize) {
    this.fd = fd;
    this.vcpuMmapSize = vcpuMmapSize;
  }

  /**
   * Opens {@link #DEVICE}.
   *
   * @return the host's KVM, which the caller closes
   * @throws ErrnoException if the device is missing, access is denied or its API is another one;
   *     the message says what to do
   */
  public static Kvm open() throws ErrnoException {
    return open(DEVICE);
  }

  /**
   * Opens KVM and checks that it has API version 12, the only one ever released.
   *
   * @param device its path, normally {@link #DEVICE}
   * @return the host's KVM, which the caller closes
   * @throws ErrnoException if the device is missing, access is denied or its API is another one;
   *     the message says what to do
   */
  public static Kvm open(Path device) throws ErrnoException {
    Fd fd = Fd.open(device, Fd.READ_WRITE);
    try {
      long version = ioctl(fd, "KVM_GET_API_VERSION", Ioctls.KVM_GET_API_VERSION(), 0);
      if (version != Linux.KVM_API_VERSION()) {
        throw new ErrnoException(
            "open " + device,
            Errno.EOPNOTSUPP,
            "the device has KVM API version %d, %d is needed"
                .formatted(version, Linux.KVM_API_VERSION()));
      }
      long size = ioctl(fd, "KVM_GET_VCPU_MMAP_SIZE", Ioctls.KVM_GET_VCPU_MMAP_SIZE(), 0);
      return new Kvm(fd, (int) size);
    } catch (ErrnoException | RuntimeException | Error failure) {
      fd.close();
      throw failure;
    }
  }

  /** {@return the API version: 12} */
  public int apiVersion() {
    return Linux.KVM_API_VERSION();
  }

  /**
   * Queries a capability of the host.
   *
   * @param capability the capability
   * @return 0 if it is missing, else 1 or a count
   * @throws ErrnoException if this object is closed
   */
  public int capability(Capability capability) throws ErrnoException {
    return capability(capability.number());
  }

  /**
   * Queries a capability of the host by the kernel's number.
   *
   * @param number of the capability, {@code KVM_CAP_…} of linux/kvm.h
   * @return 0 if it is missing or unknown to the kernel, else 1 or a count
   * @throws ErrnoException if this object is closed
   */
  public int capability(int number) throws ErrnoException {
    return (int) ioctl(fd, "KVM_CHECK_EXTENSION", Ioctls.KVM_CHECK_EXTENSION(), number);
  }

  /**
   * Finds the capabilities that this host lacks.
   *
   * @param needed the capabilities to check
   * @return those that are missing, in the same order; empty if the host has all of them
   * @throws ErrnoException if this object is closed
   */
  public List<Capability> missing(Capability... needed) throws ErrnoException {
    List<Capability> missing = new ArrayList<>();
    for (Capability capability : needed) {
      if (capability(capability) == 0) {
        missing.add(capability);
      }
    }
    return missing;
  }

  /** {@return the size in bytes of the memory that each vCPU shares with user space} */
  public int vcpuMmapSize() {
    return vcpuMmapSize;
  }

  /**
   * Creates an empty VM: no memory, no vCPU, no interrupt controller.
   *
   * @return the VM, which the caller closes
   * @throws ErrnoException if KVM refuses, for example because another hypervisor uses the
   *     processor
   */
  public Vm createVm() throws ErrnoException {
    long result = fd.descriptor().ioctl(Ioctls.KVM_CREATE_VM(), 0);
    if (result < 0) {
      int errno = (int) -result;
      String advice =
          errno == Errno.EBUSY ? "another hypervisor uses the processor (VirtualBox, VMware)" : "";
      throw new ErrnoException("KVM_CREATE_VM", errno, advice);
    }
    return new Vm(new Descriptor((int) result, true), vcpuMmapSize);
  }

  /**
   * {@return the CPUID leaves that KVM supports on this host, as a copy to edit}
   *
   * @throws ErrnoException if KVM refuses or this object is closed
   */
  public Cpuid supportedCpuid() throws ErrnoException {
    return Cpuid.read(fd.descriptor(), "KVM_GET_SUPPORTED_CPUID", Ioctls.KVM_GET_SUPPORTED_CPUID());
  }

  /**
   * {@return the indices of the model-specific registers that belong to a vCPU's state on this
   * host; may be empty}
   *
   * @throws ErrnoException if KVM refuses or this object is closed
   */
  public int[] msrIndexList() throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment empty = arena.allocate(ValueLayout.JAVA_INT);
      long request = Ioctls.KVM_GET_MSR_INDEX_LIST();
      long result = fd.descriptor().ioctl(request, empty);
      if (result != -Errno.E2BIG) {
        ErrnoException.check(result, "KVM_GET_MSR_INDEX_LIST");
        return new int[0];
      }
      // The kernel has replaced our count of 0 by the number of registers.
      int count = empty.get(ValueLayout.JAVA_INT, 0);
      MemorySegment list = arena.allocate(ValueLayout.JAVA_INT, 1L + count);
      list.set(ValueLayout.JAVA_INT, 0, count);
      ErrnoException.check(fd.descriptor().ioctl(request, list), "KVM_GET_MSR_INDEX_LIST");
      return list.asSlice(Integer.BYTES).toArray(ValueLayout.JAVA_INT);
    }
  }

  @Override
  public void close() {
    fd.close();
  }

  private static long ioctl(Fd fd, String name, long request, long argument) throws ErrnoException {
    return ErrnoException.check(fd.descriptor().ioctl(request, argument), name);
  }
}
