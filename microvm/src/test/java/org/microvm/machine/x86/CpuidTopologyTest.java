package org.microvm.machine.x86;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.kvm.Cpuid;
import org.microvm.machine.config.Topology;

/** Whether a guest that decodes CPUID finds the topology that was configured. */
@Timeout(10)
class CpuidTopologyTest {
  private static final int[] INTEL = {0x756e_6547, 0x6c65_746e, 0x4965_6e69};
  private static final int[] AMD = {0x6874_7541, 0x444d_4163, 0x6974_6e65};

  private static void add(Cpuid cpuid, int function, int index, boolean indexed, int... words) {
    int at = cpuid.add(function, index, indexed);
    cpuid.eax(at, words[0]);
    cpuid.ebx(at, words[1]);
    cpuid.ecx(at, words[2]);
    cpuid.edx(at, words[3]);
  }

  private static Cpuid vendor(int[] name, int highest) {
    Cpuid cpuid = Cpuid.empty();
    add(cpuid, 0, 0, false, highest, name[0], name[2], name[1]);
    // APIC ID 9 of a package with 128 logical processors, and HTT.
    add(cpuid, 1, 0, false, 0xc06f2, 0x0980_0800, 0xf7f8_3203, 0x1f8b_fbff);
    return cpuid;
  }

  /** A table of KVM on Intel, with the host's caches and, as older versions of KVM, its levels. */
  private static Cpuid intel(int highest) {
    Cpuid cpuid = vendor(INTEL, highest);
    add(cpuid, 4, 0, true, 0xfc00_4121, 0x02c0_003f, 0x3f, 0);
    add(cpuid, 4, 1, true, 0xfc00_4122, 0x01c0_003f, 0x3f, 0);
    add(cpuid, 4, 2, true, 0xfc00_4143, 0x03c0_003f, 0x7ff, 0);
    add(cpuid, 4, 3, true, 0xfc1f_c163, 0x04c0_003f, 0x3bfff, 4);
    add(cpuid, 4, 4, true, 0, 0, 0, 0);
    if (highest >= 0xb) {
      add(cpuid, 0xb, 0, true, 1, 2, 0x100, 9);
      add(cpuid, 0xb, 1, true, 7, 128, 0x201, 9);
      add(cpuid, 0xb, 2, true, 0, 0, 2, 9);
    }
    if (highest >= 0x1f) {
      add(cpuid, 0x1f, 0, true, 1, 2, 0x100, 9);
      add(cpuid, 0x1f, 1, true, 6, 64, 0x201, 9);
      add(cpuid, 0x1f, 2, true, 7, 128, 0x502, 9);
      add(cpuid, 0x1f, 3, true, 0, 0, 3, 9);
    }
    add(cpuid, 0x8000_0000, 0, false, 0x8000_0008, 0, 0, 0);
    add(cpuid, 0x8000_0001, 0, false, 0, 0, 0x121, 0x2c10_0800);
    add(cpuid, 0x8000_0008, 0, false, 0x392e, 0x0100_d200, 0, 0);
    return cpuid;
  }

  /** A table of KVM on AMD. */
  private static Cpuid amd(int highest, boolean extensions) {
    Cpuid cpuid = vendor(AMD, highest);
    add(cpuid, 0x8000_0000, 0, false, 0x8000_0021, AMD[0], AMD[2], AMD[1]);
    add(cpuid, 0x8000_0001, 0, false, 0xa10f11, 0x4000_0000, extensions ? 0x44_03f3 : 0x3f3, 0);
    add(cpuid, 0x8000_0008, 0, false, 0x3030, 0x0100_d200, 0x707f, 0);
    if (extensions) {
      add(cpuid, 0x8000_001d, 0, true, 0x4121, 0x01c0_003f, 0x3f, 0);
      add(cpuid, 0x8000_001d, 1, true, 0x4122, 0x01c0_003f, 0x3f, 0);
      add(cpuid, 0x8000_001d, 2, true, 0x4143, 0x01c0_003f, 0x7ff, 0);
      add(cpuid, 0x8000_001d, 3, true, 0x3c163, 0x03c0_003f, 0x7fff, 0);
      add(cpuid, 0x8000_001d, 4, true, 0, 0, 0, 0);
      add(cpuid, 0x8000_001e, 0, false, 9, 0x104, 1, 0);
      add(cpuid, 0x8000_0026, 0, true, 1, 2, 0x100, 9);
      add(cpuid, 0x8000_0026, 1, true, 7, 128, 0x401, 9);
    }
    return cpuid;
  }

  /** What each vCPU finds. */
  private static <T> List<T> each(
      Topology topology, Function<Topology, Cpuid> table, Function<Cpuid, T> decoder) {
    List<T> found = new ArrayList<>();
    for (int vcpu = 0; vcpu < topology.cpus(); vcpu++) {
      Cpuid cpuid = table.apply(topology);
      new CpuidTopology(topology, vcpu).apply(cpuid);
      found.add(decoder.apply(cpuid));
    }
    return found;
  }

  /** What each vCPU has to find. */
  private static List<DecodedTopology> expected(Topology topology) {
    List<DecodedTopology> all = new ArrayList<>();
    for (int socket = 0; socket < topology.sockets(); socket++) {
      for (int core = 0; core < topology.cores(); core++) {
        for (int thread = 0; thread < topology.threads(); thread++) {
          all.add(new DecodedTopology(socket, core, topology.cores(), topology.threads()));
        }
      }
    }
    return all;
  }

  @ParameterizedTest
  @CsvSource({
    "1,1,1", "1,2,1", "1,4,1", "1,2,2", "2,2,2", "1,3,1", "2,3,2", "1,3,3", "8,1,1", "1,1,2",
    "3,5,1"
  })
  void extendedLeaves_haveTheTopology(int sockets, int cores, int threads) {
    Topology topology = new Topology(sockets, cores, threads);
    List<DecodedTopology> expected = expected(topology);

    assertEquals(expected, each(topology, t -> intel(0x20), c -> DecodedTopology.extended(c, 0xb)));
    assertEquals(
        expected, each(topology, t -> intel(0x20), c -> DecodedTopology.extended(c, 0x1f)));
    assertEquals(
        expected, each(topology, t -> amd(0x10, true), c -> DecodedTopology.extended(c, 0xb)));
  }

  @ParameterizedTest
  @CsvSource({
    "1,1,1", "1,2,1", "1,4,1", "1,2,2", "2,2,2", "1,3,1", "2,3,2", "1,3,3", "8,1,1", "1,1,2",
    "3,5,1"
  })
  void amdLeaves_haveTheTopology(int sockets, int cores, int threads) {
    Topology topology = new Topology(sockets, cores, threads);

    assertEquals(expected(topology), each(topology, t -> amd(0x10, true), DecodedTopology::amd));
  }

  @ParameterizedTest
  @CsvSource({"1,1,1", "1,2,1", "2,3,1", "1,8,1"})
  void amdWithoutExtensions_hasTheCores(int sockets, int cores, int threads) {
    Topology topology = new Topology(sockets, cores, threads);

    assertEquals(expected(topology), each(topology, t -> amd(7, false), DecodedTopology::amd));
  }

  /** Leaf 4 counts APIC IDs, so only powers of two can be distinguished. */
  @ParameterizedTest
  @CsvSource({"1,1,1", "1,2,1", "1,4,1", "1,2,2", "2,2,2", "8,1,1", "1,1,2"})
  void oldIntelLeaves_haveTheTopology(int sockets, int cores, int threads) {
    Topology topology = new Topology(sockets, cores, threads);

    assertEquals(expected(topology), each(topology, t -> intel(4), DecodedTopology::legacyIntel));
  }

  @Test
  void oldIntelLeaves_withGapsInTheIds_keepPackagesAndCoresApart() {
    Topology topology = new Topology(2, 5, 3);

    List<DecodedTopology> found = each(topology, t -> intel(4), DecodedTopology::legacyIntel);

    assertEquals(2, found.stream().map(DecodedTopology::packageId).distinct().count());
    assertEquals(5, found.stream().map(DecodedTopology::coreId).distinct().count());
  }

  @ParameterizedTest
  @CsvSource({"1,1,1", "1,4,1", "1,2,2", "2,3,2", "2,3,1", "4,1,2"})
  void caches_areSharedByCoreAndSocket(int sockets, int cores, int threads) {
    Topology topology = new Topology(sockets, cores, threads);
    long allCores = (long) sockets * cores;

    for (int index = 0; index < 3; index++) {
      int level = index;
      assertEquals(allCores, caches(topology, t -> intel(0x20), c -> id(c, 4, level)));
      assertEquals(
          allCores, caches(topology, t -> amd(0x10, true), c -> id(c, 0x8000_001d, level)));
    }
    assertEquals(sockets, caches(topology, t -> intel(0x20), c -> id(c, 4, 3)));
    assertEquals(sockets, caches(topology, t -> amd(0x10, true), c -> id(c, 0x8000_001d, 3)));
  }

  private static int id(Cpuid cpuid, int function, int index) {
    return DecodedTopology.cacheId(cpuid, function, index);
  }

  private static long caches(
      Topology topology, Function<Topology, Cpuid> table, ToIntFunction<Cpuid> id) {
    return each(topology, table, id::applyAsInt).stream().distinct().count();
  }

  @Test
  void oneVcpu_isNotAnnouncedAsOneOfSeveral() {
    Cpuid cpuid = amd(0x10, true);

    new CpuidTopology(Topology.ofCores(1), 0).apply(cpuid);

    int features = cpuid.find(1, 0);
    assertEquals(0, cpuid.edx(features) & CpuidTopology.EDX_HTT);
    assertEquals(0x0001_0800, cpuid.ebx(features));
    assertEquals(0, cpuid.ecx(cpuid.find(0x8000_0001, 0)) & CpuidTopology.ECX_CMP_LEGACY);
    assertEquals(-1, cpuid.find(0x8000_0026, 0));
  }

  @Test
  void intel_hasNoneOfAmdsBits() {
    Cpuid cpuid = intel(0x20);

    new CpuidTopology(Topology.ofCores(4), 3).apply(cpuid);

    assertEquals(0x121, cpuid.ecx(cpuid.find(0x8000_0001, 0)));
    assertEquals(0, cpuid.ecx(cpuid.find(0x8000_0008, 0)));
    assertEquals(0x0304_0800, cpuid.ebx(cpuid.find(1, 0)));
  }

  @Test
  void cpuWithoutTheLevels_doesNotGetThem() {
    Cpuid cpuid = intel(4);

    new CpuidTopology(Topology.ofCores(4), 0).apply(cpuid);

    assertEquals(-1, cpuid.find(0xb, 0));
    assertEquals(-1, cpuid.find(0x1f, 0));
  }

  @Test
  void topologyBits_areNoFeaturesThatAMigrationCompares() {
    Cpuid four = amd(0x10, true);
    Cpuid one = amd(0x10, true);
    new CpuidTopology(Topology.ofCores(4), 0).apply(four);
    new CpuidTopology(Topology.ofCores(1), 0).apply(one);

    assertEquals(Optional.empty(), CpuFeatures.of(four).missingOn(CpuFeatures.of(one)));
  }
}
