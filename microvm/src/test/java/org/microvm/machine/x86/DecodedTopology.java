package org.microvm.machine.x86;

import org.microvm.kvm.Cpuid;

/**
 * The place of a CPU as its guest finds it in CPUID.
 *
 * @param packageId the CPU's package
 * @param coreId its core within the package
 * @param cores the number of cores in a package
 * @param threads the number of threads in a core
 */
record DecodedTopology(int packageId, int coreId, int cores, int threads) {
  private static final int INVALID = 0;
  private static final int SMT = 1;
  private static final int CORE = 2;

  private record Leaf(int eax, int ebx, int ecx, int edx) {
    static Leaf of(Cpuid cpuid, int function, int index) {
      int at = cpuid.find(function, index);
      return at < 0
          ? new Leaf(0, 0, 0, 0)
          : new Leaf(cpuid.eax(at), cpuid.ebx(at), cpuid.ecx(at), cpuid.edx(at));
    }

    int levelType() {
      return ecx >> 8 & 0xff;
    }
  }

  /** As detect_extended_topology() of Linux 6.1 (topology.c), from leaf 0xB or 0x1F. */
  static DecodedTopology extended(Cpuid cpuid, int function) {
    Leaf first = Leaf.of(cpuid, function, 0);
    if (first.ebx == 0 || first.levelType() != SMT) {
      throw new IllegalStateException("leaf 0x%x is not valid".formatted(function));
    }
    int siblings = first.ebx & 0xffff;
    int coreSiblings = siblings;
    int coreShift = first.eax & 0x1f;
    Leaf level = Leaf.of(cpuid, function, 1);
    for (int index = 2; level.levelType() != INVALID; index++) {
      if (level.levelType() == CORE) {
        coreSiblings = level.ebx & 0xffff;
        coreShift = level.eax & 0x1f;
      }
      level = Leaf.of(cpuid, function, index);
    }
    int smtShift = first.eax & 0x1f;
    return new DecodedTopology(
        first.edx >> coreShift,
        first.edx >> smtShift & (1 << coreShift - smtShift) - 1,
        coreSiblings / siblings,
        siblings);
  }

  /** As detect_ht() of Linux 6.1 (common.c) with the core count of leaf 4 (intel.c). */
  static DecodedTopology legacyIntel(Cpuid cpuid) {
    Leaf features = Leaf.of(cpuid, 1, 0);
    int apicId = features.ebx >>> 24;
    int cores = (Leaf.of(cpuid, 4, 0).eax >>> 26) + 1;
    int siblings = (features.edx & 1 << 28) != 0 ? features.ebx >> 16 & 0xff : 1;
    int packageShift = order(siblings);
    siblings /= cores;
    return new DecodedTopology(
        apicId >> packageShift,
        apicId >> order(siblings) & (1 << order(cores)) - 1,
        cores,
        siblings);
  }

  /** As amd_detect_cmp() and amd_get_topology() of Linux 6.1 (amd.c), family 0x17 and later. */
  static DecodedTopology amd(Cpuid cpuid) {
    int apicId = Leaf.of(cpuid, 1, 0).ebx >>> 24;
    int sizes = Leaf.of(cpuid, 0x8000_0008, 0).ecx;
    int bits = sizes >> 12 & 0xf;
    int cores = (sizes & 0xff) + 1;
    boolean extensions = (Leaf.of(cpuid, 0x8000_0001, 0).ecx & 1 << 22) != 0;
    int topology = Leaf.of(cpuid, 0x8000_001e, 0).ebx;
    int threads = extensions ? (topology >> 8 & 0xff) + 1 : 1;
    int core = extensions ? topology & 0xff : apicId & (1 << bits) - 1;
    return new DecodedTopology(apicId >> bits, core, cores / threads, threads);
  }

  /**
   * The ID of the cache that the CPU uses, as in get_cache_id() of Linux 6.1 (cacheinfo.c).
   *
   * @param function 4 or 0x8000001D
   * @param index the index of the cache
   */
  static int cacheId(Cpuid cpuid, int function, int index) {
    int sharing = (Leaf.of(cpuid, function, index).eax >> 14 & 0xfff) + 1;
    return (Leaf.of(cpuid, 1, 0).ebx >>> 24) >> order(sharing);
  }

  /** As get_count_order(): the smallest power of two that is not less. */
  private static int order(int count) {
    return count <= 1 ? 0 : Integer.SIZE - Integer.numberOfLeadingZeros(count - 1);
  }
}
