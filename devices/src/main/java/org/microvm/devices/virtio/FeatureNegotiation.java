package org.microvm.devices.virtio;

import java.util.Arrays;

/**
 * The feature registers: what the device offers and what the driver has chosen of it (section 2.2).
 * Guarded by the device lock.
 */
final class FeatureNegotiation {
  private final long offered;
  private final int[] chosen = new int[TransportState.FEATURE_WORDS];
  private int deviceSel;
  private int driverSel;

  /**
   * @param offered the feature bits of device, transport and ring
   */
  FeatureNegotiation(long offered) {
    this.offered = offered;
  }

  /** Writes DeviceFeaturesSel. */
  void selectOffered(int word) {
    deviceSel = word;
  }

  /** Writes DriverFeaturesSel. */
  void selectChosen(int word) {
    driverSel = word;
  }

  /** Returns the selected word of DeviceFeatures; words without a feature are zero. */
  int offeredWord() {
    return switch (deviceSel) {
      case 0 -> (int) offered;
      case 1 -> (int) (offered >>> 32);
      default -> 0;
    };
  }

  /** Writes the selected word of DriverFeatures; returns false if there is no such word. */
  boolean choose(int value) {
    if (driverSel < 0 || driverSel >= chosen.length) {
      return false;
    }
    chosen[driverSel] = value;
    return true;
  }

  /** Returns the features that the driver has chosen. */
  long negotiated() {
    return (chosen[0] & 0xffff_ffffL) | ((long) chosen[1] << 32);
  }

  /** Whether the driver has chosen VERSION_1 and nothing that is not offered. */
  boolean isAcceptable() {
    long features = negotiated();
    return (features & ~offered) == 0
        && (features & VirtioFeatures.VERSION_1) != 0
        && chosen[2] == 0
        && chosen[3] == 0;
  }

  void reset() {
    Arrays.fill(chosen, 0);
    deviceSel = 0;
    driverSel = 0;
  }

  void restore(TransportState state) {
    System.arraycopy(state.driverFeatures(), 0, chosen, 0, chosen.length);
    deviceSel = state.deviceFeaturesSel();
    driverSel = state.driverFeaturesSel();
  }

  /** Returns a copy of the words of DriverFeatures. */
  int[] chosenWords() {
    return chosen.clone();
  }

  int deviceSel() {
    return deviceSel;
  }

  int driverSel() {
    return driverSel;
  }
}
