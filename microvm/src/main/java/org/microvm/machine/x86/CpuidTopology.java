package org.microvm.machine.x86;

import org.microvm.kvm.Cpuid;
import org.microvm.machine.config.Topology;

/**
 * Writes the topology of a machine's vCPUs to the CPUID table of one of them. KVM's table has that
 * of the host, in whole or in part, depending on its version.
 *
 * <p>Leaves 1, 4, 0xB and 0x1F are those of the Intel SDM, volume 2, "CPUID"; leaves 1, 0xB and
 * those from 0x80000001 on are those of the AMD APM, volume 3, appendix E.
 */
final class CpuidTopology {
  /** Leaf 1 EDX: EBX has the number of logical processors in the package. */
  static final int EDX_HTT = 1 << 28;

  /** Leaf 0x80000001 ECX, AMD: with {@link #EDX_HTT}, the logical processors are cores. */
  static final int ECX_CMP_LEGACY = 1 << 1;

  /** Leaf 0x80000001 ECX, AMD: leaves 0x8000001D and 0x8000001E are present. */
  static final int ECX_TOPOLOGY_EXTENSIONS = 1 << 22;

  private static final int VENDOR = 0;
  private static final int FEATURES = 1;
  private static final int CACHES = 4;
  private static final int LEVELS = 0xb;
  private static final int LEVELS_V2 = 0x1f;
  private static final int EXTENDED_FEATURES = 0x8000_0001;
  private static final int SIZES = 0x8000_0008;
  private static final int AMD_CACHES = 0x8000_001d;
  private static final int AMD_TOPOLOGY = 0x8000_001e;

  /** AMD's later form of {@link #LEVELS}; removed, so that a guest uses the leaves above. */
  private static final int AMD_LEVELS = 0x8000_0026;

  /** The first four letters of the vendors' names in EBX of leaf 0: "Auth", "Hygo". */
  private static final int AMD = 0x6874_7541;

  private static final int HYGON = 0x6f67_7948;

  /** The types of levels in ECX of {@link #LEVELS}, bits 15 to 8. */
  private static final int THREAD_LEVEL = 1 << 8;

  private static final int CORE_LEVEL = 2 << 8;

  private final Topology topology;
  private final int apicId;

  /**
   * @param topology the vCPUs of the machine
   * @param vcpu the number of the vCPU whose table is written
   */
  CpuidTopology(Topology topology, int vcpu) {
    this.topology = topology;
    apicId = topology.apicId(vcpu);
  }

  /** Changes the table's leaves about topology. */
  void apply(Cpuid cpuid) {
    int vendor = cpuid.find(VENDOR, 0);
    boolean amd = vendor >= 0 && (cpuid.ebx(vendor) == AMD || cpuid.ebx(vendor) == HYGON);
    int highest = vendor < 0 ? 0 : cpuid.eax(vendor);
    for (int i = 0; i < cpuid.count(); i++) {
      switch (cpuid.function(i)) {
        case FEATURES -> features(cpuid, i, amd);
        case CACHES -> caches(cpuid, i);
        case EXTENDED_FEATURES -> extendedFeatures(cpuid, i, amd);
        case SIZES -> cpuid.ecx(i, amd ? coreCount() : 0);
        case AMD_CACHES -> amdCaches(cpuid, i);
        default -> {}
      }
    }
    removeAll(cpuid, AMD_LEVELS);
    levels(cpuid, LEVELS, highest);
    levels(cpuid, LEVELS_V2, highest);
    if (amd) {
      amdTopology(cpuid);
    }
  }

  private void features(Cpuid cpuid, int position, boolean amd) {
    // Intel counts APIC IDs, AMD counts logical processors.
    int count = amd ? topology.cpusPerSocket() : 1 << topology.socketShift();
    int low = cpuid.ebx(position) & 0xffff;
    cpuid.ebx(position, apicId << 24 | Math.min(count, 0xff) << 16 | low);
    cpuid.edx(position, withBit(cpuid.edx(position), EDX_HTT, topology.cpusPerSocket() > 1));
  }

  /** Intel: EAX has the number of APIC IDs that share the cache, and of cores in the package. */
  private void caches(Cpuid cpuid, int position) {
    int eax = cpuid.eax(position);
    if ((eax & 0x1f) == 0) {
      return; // no further cache
    }
    int cores = Math.min((1 << coreBits()) - 1, 0x3f);
    cpuid.eax(position, eax & 0x3fff | sharing(eax) << 14 | cores << 26);
  }

  /** AMD: EAX has the number of APIC IDs that share the cache. */
  private void amdCaches(Cpuid cpuid, int position) {
    int eax = cpuid.eax(position);
    if ((eax & 0x1f) != 0) {
      cpuid.eax(position, eax & 0x3fff | sharing(eax) << 14);
    }
  }

  /** The number of APIC IDs that share a cache, less one. Caches from level 3 on are a socket's. */
  private int sharing(int eax) {
    int level = eax >> 5 & 7;
    return (1 << (level >= 3 ? topology.socketShift() : topology.threadBits())) - 1;
  }

  private void extendedFeatures(Cpuid cpuid, int position, boolean amd) {
    cpuid.ecx(
        position,
        withBit(cpuid.ecx(position), ECX_CMP_LEGACY, amd && topology.cpusPerSocket() > 1));
  }

  /** AMD's 0x80000008 ECX: the logical processors of a package less one, and the ID's width. */
  private int coreCount() {
    return topology.socketShift() << 12 | topology.cpusPerSocket() - 1;
  }

  /** AMD: the core and the node; needs the feature bit, which KVM sets where it has the leaf. */
  private void amdTopology(Cpuid cpuid) {
    int position = cpuid.find(AMD_TOPOLOGY, 0);
    if (position < 0) {
      return;
    }
    int core = apicId >> topology.threadBits() & (1 << coreBits()) - 1;
    cpuid.eax(position, apicId);
    cpuid.ebx(position, topology.threads() - 1 << 8 | core);
    // One node per socket.
    cpuid.ecx(position, apicId >> topology.socketShift());
  }

  private int coreBits() {
    return topology.socketShift() - topology.threadBits();
  }

  /** The levels thread and core, and an invalid one that ends the list. */
  private void levels(Cpuid cpuid, int function, int highest) {
    removeAll(cpuid, function);
    if (highest < function) {
      return;
    }
    level(cpuid, function, 0, topology.threadBits(), topology.threads(), THREAD_LEVEL);
    level(cpuid, function, 1, topology.socketShift(), topology.cpusPerSocket(), CORE_LEVEL);
    level(cpuid, function, 2, 0, 0, 0);
  }

  private void level(Cpuid cpuid, int function, int index, int shift, int count, int type) {
    int position = cpuid.add(function, index, true);
    cpuid.eax(position, shift);
    cpuid.ebx(position, count);
    cpuid.ecx(position, type | index);
    cpuid.edx(position, apicId);
  }

  private static void removeAll(Cpuid cpuid, int function) {
    for (int position; (position = find(cpuid, function)) >= 0; ) {
      cpuid.remove(position);
    }
  }

  /** Finds the first entry of a leaf, with any index. */
  private static int find(Cpuid cpuid, int function) {
    for (int i = 0; i < cpuid.count(); i++) {
      if (cpuid.function(i) == function) {
        return i;
      }
    }
    return -1;
  }

  private static int withBit(int word, int bit, boolean on) {
    return on ? word | bit : word & ~bit;
  }
}
