package org.microvm.devices.virtio;

import java.util.ArrayList;
import java.util.List;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

/**
 * The registers of a virtio-mmio device.
 *
 * @param deviceId the type of the device
 * @param driverFeatures DriverFeatures, lowest word first
 * @param status Status
 * @param interruptStatus InterruptStatus
 * @param configGeneration ConfigGeneration
 * @param deviceFeaturesSel DeviceFeaturesSel
 * @param driverFeaturesSel DriverFeaturesSel
 * @param queueSel QueueSel
 * @param active whether the device has been activated
 * @param configChangePending whether the driver has yet to be notified of a configuration change
 * @param queues by index
 */
record TransportState(
    int deviceId,
    int[] driverFeatures,
    int status,
    int interruptStatus,
    int configGeneration,
    int deviceFeaturesSel,
    int driverFeaturesSel,
    int queueSel,
    boolean active,
    boolean configChangePending,
    List<QueueState> queues) {
  static final int VERSION = 1;

  /** The number of 32-bit words of feature bits that the registers keep. */
  static final int FEATURE_WORDS = 4;

  void write(StateOutput output) {
    output.putInt(deviceId);
    for (int word : driverFeatures) {
      output.putInt(word);
    }
    output.putInt(status).putInt(interruptStatus).putInt(configGeneration);
    output.putInt(deviceFeaturesSel).putInt(driverFeaturesSel).putInt(queueSel);
    output.putBoolean(active).putBoolean(configChangePending);
    output.putShort(queues.size());
    queues.forEach(queue -> queue.write(output));
  }

  static TransportState read(StateInput input) throws StateException {
    int deviceId = input.getInt();
    int[] driverFeatures = new int[FEATURE_WORDS];
    for (int i = 0; i < FEATURE_WORDS; i++) {
      driverFeatures[i] = input.getInt();
    }
    TransportState state =
        new TransportState(
            deviceId,
            driverFeatures,
            readBits(input, "Status", DeviceStatus.OF_DRIVER | DeviceStatus.DEVICE_NEEDS_RESET),
            readBits(input, "InterruptStatus", MmioRegister.INTERRUPT_ALL),
            input.getInt(),
            input.getInt(),
            input.getInt(),
            input.getInt(),
            input.getBoolean(),
            input.getBoolean(),
            readQueues(input));
    input.end();
    return state;
  }

  private static int readBits(StateInput input, String register, int known) throws StateException {
    int value = input.getInt();
    if ((value & ~known) != 0) {
      throw input.damaged("%s is 0x%x, which has unknown bits".formatted(register, value));
    }
    return value;
  }

  private static List<QueueState> readQueues(StateInput input) throws StateException {
    int count = input.getShort();
    List<QueueState> queues = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      queues.add(QueueState.read(input));
    }
    return queues;
  }
}
