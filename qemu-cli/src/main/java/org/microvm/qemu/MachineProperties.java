package org.microvm.qemu;

import java.util.List;
import java.util.Map;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;

/**
 * Properties of QEMU's machines: those without effect here, and those that are refused because they
 * would have one.
 */
final class MachineProperties {
  private static final List<String> SWITCHES =
      List.of(
          "auto-kernel-cmdline",
          "aux-ram-share",
          "default-bus-bypass-iommu",
          "default_bus_bypass_iommu",
          "dump-guest-core",
          "fd-bootchk",
          "graphics",
          "hmat",
          "hpet",
          "i8042",
          "igd-passthru",
          "ioapic2",
          "isa-serial",
          "mem-merge",
          "nvdimm",
          "option-roms",
          "pcie",
          "pic",
          "pit",
          "rtc",
          "sata",
          "smbus",
          "smm",
          "suppress-vmdesc",
          "usb",
          "vmport",
          "x-option-roms");

  private static final List<String> SWITCH_VALUES =
      List.of("on", "off", "auto", "yes", "no", "true", "false");

  private static final List<String> VALUES =
      List.of(
          "accel",
          "kvm-type",
          "max-fw-size",
          "max-ram-below-4g",
          "nvdimm-persistence",
          "smbios-entry-point-type");

  private static final String NOT_ENCRYPTED = "guest memory is not encrypted";
  private static final String NO_FIRMWARE = "there is no firmware: -kernel is started directly";

  private static final Map<String, String> REFUSED =
      Map.of(
          "confidential-guest-support", NOT_ENCRYPTED,
          "memory-encryption", NOT_ENCRYPTED,
          "firmware", NO_FIRMWARE,
          "pflash0", NO_FIRMWARE,
          "pflash1", NO_FIRMWARE);

  private MachineProperties() {}

  /** Takes these properties; the others remain. */
  static void take(OptionList options) throws OptionException {
    for (Map.Entry<String, String> refused : REFUSED.entrySet()) {
      if (options.take(refused.getKey()).isPresent()) {
        throw new OptionException(refused.getKey() + "=: " + refused.getValue());
      }
    }
    for (String name : SWITCHES) {
      options.takeChoice(name, "auto", SWITCH_VALUES, word -> word);
    }
    takeInterruptController(options, "kernel-irqchip");
    takeInterruptController(options, "kernel_irqchip");
    VALUES.forEach(options::take);
  }

  /** Takes the property that says who emulates the interrupt controllers; here KVM does. */
  static void takeInterruptController(OptionList options, String name) throws OptionException {
    options.takeChoice(name, "on", List.of("on", "off", "split"), word -> word);
  }
}
