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
 * The host's KVM, {@code /dev/kvm}: what it can do, and the maker of VMs.
 *
 * <p>Any thread may call. It may be closed once the last VM has been made.
 */
public final class Kvm implements AutoCloseable {
  /** Where the device normally is. */
  public static final Path DEVICE = Path.of("/dev/kvm");

  private final Fd fd;
  private final int vcpuMmapSize;

  private Kvm(Fd fd, int vcpuMmapSize) {
    this.fd = fd;
    this.vcpuMmapSize = vcpuMmapSize;
  }

  /** Opens {@link #DEVICE}. */
  public static Kvm open() throws ErrnoException {
    return open(DEVICE);
  }

  /**
   * Opens KVM, and checks that it speaks the one version of its interface there has ever been.
   *
   * @throws ErrnoException if the device is missing or not permitted, with what to do about it
   */
  public static Kvm open(Path device) throws ErrnoException {
    Fd fd = Fd.open(device, Fd.READ_WRITE);
    try {
      long version = ioctl(fd, "KVM_GET_API_VERSION", Ioctls.KVM_GET_API_VERSION(), 0);
      if (version != Linux.KVM_API_VERSION()) {
        throw new ErrnoException(
            "open " + device,
            Errno.EOPNOTSUPP,
            "its KVM has interface version %d, not %d".formatted(version, Linux.KVM_API_VERSION()));
      }
      long size = ioctl(fd, "KVM_GET_VCPU_MMAP_SIZE", Ioctls.KVM_GET_VCPU_MMAP_SIZE(), 0);
      return new Kvm(fd, (int) size);
    } catch (ErrnoException failure) {
      fd.close();
      throw failure;
    }
  }

  /** The version of the interface: 12. */
  public int apiVersion() {
    return Linux.KVM_API_VERSION();
  }

  /** What KVM says of a capability: 0 for no, 1 for yes, or how many. */
  public int capability(Capability capability) throws ErrnoException {
    return capability(capability.number());
  }

  /** The same by number. */
  public int capability(int number) throws ErrnoException {
    return (int) ioctl(fd, "KVM_CHECK_EXTENSION", Ioctls.KVM_CHECK_EXTENSION(), number);
  }

  /** Those of the capabilities that are missing here; none if all is well. */
  public List<Capability> missing(Capability... needed) throws ErrnoException {
    List<Capability> missing = new ArrayList<>();
    for (Capability capability : needed) {
      if (capability(capability) == 0) {
        missing.add(capability);
      }
    }
    return missing;
  }

  /** Bytes of the area that each vCPU shares with its user. */
  public int vcpuMmapSize() {
    return vcpuMmapSize;
  }

  /** Makes an empty VM: no memory, no vCPU, no interrupt controller. */
  public Vm createVm() throws ErrnoException {
    long result = fd.descriptor().ioctl(Ioctls.KVM_CREATE_VM(), 0);
    if (result < 0) {
      int errno = (int) -result;
      String advice =
          errno == Errno.EBUSY ? "another hypervisor (VirtualBox, VMware) has the processor" : "";
      throw new ErrnoException("KVM_CREATE_VM", errno, advice);
    }
    return new Vm(new Descriptor((int) result, true), vcpuMmapSize);
  }

  /** The processor features that KVM can show a guest on this host. */
  public Cpuid supportedCpuid() throws ErrnoException {
    return Cpuid.read(fd.descriptor(), "KVM_GET_SUPPORTED_CPUID", Ioctls.KVM_GET_SUPPORTED_CPUID());
  }

  /** The model-specific registers that a vCPU's state consists of here. */
  public int[] msrIndexList() throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment empty = arena.allocate(ValueLayout.JAVA_INT);
      long request = Ioctls.KVM_GET_MSR_INDEX_LIST();
      long result = fd.descriptor().ioctl(request, empty);
      if (result != -Errno.E2BIG) {
        ErrnoException.check(result, "KVM_GET_MSR_INDEX_LIST");
        return new int[0];
      }
      // The kernel has put the number it has where ours stood.
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
