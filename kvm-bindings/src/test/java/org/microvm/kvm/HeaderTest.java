package org.microvm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.microvm.bindings.*;
import org.microvm.testing.CProgram;
import org.microvm.testing.RequiresGcc;

/** Compares every number and offset that this package uses with the kernel's headers. */
@RequiresGcc
class HeaderTest {
  private static final List<String> HEADERS = List.of("linux/kvm.h");

  @Test
  void ioctls_areThoseOfTheHeader() throws Exception {
    Map<String, Long> ours = new TreeMap<>();
    for (Method method : Ioctls.class.getDeclaredMethods()) {
      if (method.getName().startsWith("KVM_")) {
        ours.put(method.getName(), (Long) method.invoke(null));
      }
    }

    assertEquals(CProgram.evaluate(HEADERS, ours.keySet()).toString(), ours.toString());
  }

  @Test
  void exitReasons_areThoseOfTheHeader() throws Exception {
    Map<String, Long> ours = constants(ExitReason.class, "KVM_EXIT_");
    ours.remove(
        "KVM_EXIT_MEMORY_FAULT"); // Newer than the oldest kernel headers that the build supports.

    assertSameInC(ours);
  }

  @Test
  void exitReasons_haveNames() throws Exception {
    Map<String, Long> ours = constants(ExitReason.class, "");

    assertEquals(
        ours.keySet().toString(),
        ours.values().stream()
            .map(number -> ExitReason.name(number.intValue()))
            .toList()
            .toString());
  }

  @Test
  void kvmRun_offsetsAreThoseOfTheHeader() throws Exception {
    Map<String, Long> ours = new TreeMap<>();
    ours.put(run("immediate_exit"), VcpuRun.IMMEDIATE_EXIT);
    ours.put(run("exit_reason"), VcpuRun.EXIT_REASON);
    ours.put(run("io.direction"), VcpuRun.IO_DIRECTION);
    ours.put(run("io.size"), VcpuRun.IO_SIZE);
    ours.put(run("io.port"), VcpuRun.IO_PORT);
    ours.put(run("io.count"), VcpuRun.IO_COUNT);
    ours.put(run("io.data_offset"), VcpuRun.IO_DATA_OFFSET);
    ours.put(run("mmio.phys_addr"), VcpuRun.MMIO_ADDRESS);
    ours.put(run("mmio.data"), VcpuRun.MMIO_DATA);
    ours.put(run("mmio.len"), VcpuRun.MMIO_LENGTH);
    ours.put(run("mmio.is_write"), VcpuRun.MMIO_IS_WRITE);
    ours.put(run("hw.hardware_exit_reason"), VcpuRun.HARDWARE_EXIT_REASON);
    ours.put(run("fail_entry.hardware_entry_failure_reason"), VcpuRun.FAIL_ENTRY_REASON);
    ours.put(run("fail_entry.cpu"), VcpuRun.FAIL_ENTRY_CPU);
    ours.put(run("internal.suberror"), VcpuRun.INTERNAL_SUBERROR);
    ours.put(run("internal.ndata"), VcpuRun.INTERNAL_COUNT);
    ours.put(run("internal.data"), VcpuRun.INTERNAL_DATA);
    ours.put(run("emulation_failure.flags"), VcpuRun.EMULATION_FLAGS);
    ours.put(run("emulation_failure.insn_size"), VcpuRun.EMULATION_SIZE);
    ours.put(run("emulation_failure.insn_bytes"), VcpuRun.EMULATION_BYTES);
    ours.put(run("system_event.type"), VcpuRun.SYSTEM_EVENT_TYPE);
    ours.put(run("debug.arch.exception"), VcpuRun.DEBUG_EXCEPTION);
    ours.put(run("debug.arch.pc"), VcpuRun.DEBUG_PC);
    ours.put(run("msr.error"), VcpuRun.MSR_ERROR);
    ours.put(run("msr.reason"), VcpuRun.MSR_REASON);
    ours.put(run("msr.index"), VcpuRun.MSR_INDEX);
    ours.put(run("msr.data"), VcpuRun.MSR_DATA);

    assertSameInC(ours);
  }

  @Test
  void opaqueStructs_haveTheSizeOfTheHeader() throws Exception {
    Map<String, Long> ours = new TreeMap<>();
    ours.put("sizeof(struct kvm_mp_state)", (long) VcpuState.MP_STATE.bytes());
    ours.put("sizeof(struct kvm_regs)", (long) VcpuState.REGISTERS.bytes());
    ours.put("sizeof(struct kvm_sregs)", (long) VcpuState.SPECIAL_REGISTERS.bytes());
    ours.put("sizeof(struct kvm_xcrs)", (long) VcpuState.EXTENDED_CONTROL.bytes());
    ours.put("sizeof(struct kvm_xsave)", (long) VcpuState.EXTENDED_STATE.bytes());
    ours.put("sizeof(struct kvm_lapic_state)", (long) VcpuState.LOCAL_APIC.bytes());
    ours.put("sizeof(struct kvm_debugregs)", (long) VcpuState.DEBUG_REGISTERS.bytes());
    ours.put("sizeof(struct kvm_vcpu_events)", (long) VcpuState.EVENTS.bytes());
    ours.put("sizeof(struct kvm_irqchip)", (long) VmState.IO_APIC.bytes());
    ours.put("sizeof(struct kvm_pit_state2)", (long) VmState.PIT.bytes());
    ours.put("sizeof(struct kvm_device_attr)", (long) Ioctls.DEVICE_ATTRIBUTE_BYTES);
    ours.put("offsetof(struct kvm_device_attr, group)", VcpuClock.ATTRIBUTE_GROUP);
    ours.put("offsetof(struct kvm_device_attr, attr)", VcpuClock.ATTRIBUTE_NUMBER);
    ours.put("offsetof(struct kvm_device_attr, addr)", VcpuClock.ATTRIBUTE_ADDRESS);
    ours.put("KVM_VCPU_TSC_CTRL", (long) VcpuClock.TSC_CTRL);
    ours.put("KVM_VCPU_TSC_OFFSET", VcpuClock.TSC_OFFSET);
    ours.put("offsetof(struct kvm_vcpu_events, exception.injected)", 0L);
    ours.put("offsetof(struct kvm_vcpu_events, exception.nr)", 1L);
    ours.put("offsetof(struct kvm_vcpu_events, exception.has_error_code)", 2L);
    ours.put("offsetof(struct kvm_vcpu_events, exception.pending)", 3L);
    ours.put("offsetof(struct kvm_vcpu_events, exception.error_code)", 4L);

    assertSameInC(ours);
  }

  @Test
  void generatedLayouts_areThoseOfTheHeader() throws Exception {
    Map<String, Long> ours = new TreeMap<>();
    Stream.of(
            kvm_regs.layout(),
            kvm_segment.layout(),
            kvm_dtable.layout(),
            kvm_sregs.layout(),
            kvm_cpuid2.layout(),
            kvm_cpuid_entry2.layout(),
            kvm_msrs.layout(),
            kvm_msr_entry.layout(),
            kvm_msr_list.layout(),
            kvm_userspace_memory_region.layout(),
            kvm_dirty_log.layout(),
            kvm_ioeventfd.layout(),
            kvm_irqfd.layout(),
            kvm_irq_level.layout(),
            kvm_pit_config.layout(),
            kvm_clock_data.layout(),
            kvm_mp_state.layout(),
            kvm_signal_mask.layout(),
            kvm_stats_header.layout(),
            kvm_stats_desc.layout(),
            kvm_enable_cap.layout())
        .forEach(layout -> addFields(ours, layout));

    assertSameInC(ours);
  }

  private static void addFields(Map<String, Long> ours, MemoryLayout layout) {
    String struct = "struct " + layout.name().orElseThrow();
    ours.put("sizeof(" + struct + ")", layout.byteSize());
    ((StructLayout) layout)
        .memberLayouts().stream()
            .flatMap(member -> member.name().stream())
            .filter(name -> !name.startsWith("$anon"))
            .forEach(
                name ->
                    ours.put(
                        "offsetof(%s, %s)".formatted(struct, name),
                        layout.byteOffset(MemoryLayout.PathElement.groupElement(name))));
  }

  private static String run(String field) {
    return "offsetof(struct kvm_run, " + field + ")";
  }

  private static Map<String, Long> constants(Class<?> type, String prefix) throws Exception {
    Map<String, Long> values = new TreeMap<>();
    for (Field field : type.getDeclaredFields()) {
      if (Modifier.isPublic(field.getModifiers())) {
        values.put(prefix + field.getName(), (long) field.getInt(null));
      }
    }
    return values;
  }

  private static void assertSameInC(Map<String, Long> ours) throws Exception {
    assertEquals(CProgram.evaluate(HEADERS, ours.keySet()).toString(), ours.toString());
  }
}
