package org.microvm.machine.config;

import java.nio.file.Path;
import java.util.Objects;
import org.microvm.devices.virtio.blk.DiskPolicy;

/**
 * A disk, seen by the guest as virtio-blk.
 *
 * @param file a raw image: a file or a block device with the plain bytes of the disk
 * @param readOnly whether the guest may only read
 * @param raw whether the guest gets the bytes of the file even if they look like another format;
 *     otherwise a file that looks like an image of another format, or is an ISO image, is refused
 *     if the guest may write it
 * @param policy what happens if a request fails on the host, and whether bytes that the guest
 *     discards are given back
 * @param overlay whether what the guest writes goes to a temporary file, so that the image does not
 *     change; such a machine is neither saved nor migrated. No effect on a read-only disk
 */
public record DiskConfig(
    Path file, boolean readOnly, boolean raw, DiskPolicy policy, boolean overlay) {
  /** Rejects null. */
  public DiskConfig {
    Objects.requireNonNull(file, "file");
    Objects.requireNonNull(policy, "policy");
  }

  /**
   * Creates a disk without an overlay.
   *
   * @param file a raw image
   * @param readOnly whether the guest may only read
   * @param raw whether the guest gets the bytes of the file even if they look like another format
   * @param policy what happens if a request fails, and whether discarded bytes are given back
   */
  public DiskConfig(Path file, boolean readOnly, boolean raw, DiskPolicy policy) {
    this(file, readOnly, raw, policy, false);
  }

  /**
   * Creates a disk with the default policy, whose image must not look like one of another format.
   *
   * @param file a raw image
   * @param readOnly whether the guest may only read
   */
  public DiskConfig(Path file, boolean readOnly) {
    this(file, readOnly, false, DiskPolicy.defaults());
  }

  /** {@return the same disk, whose bytes the guest gets even if they look like another format} */
  public DiskConfig asRaw() {
    return new DiskConfig(file, readOnly, true, policy, overlay);
  }

  /**
   * Returns the same disk with another policy.
   *
   * @param other replaces the policy
   * @return the disk
   */
  public DiskConfig withPolicy(DiskPolicy other) {
    return new DiskConfig(file, readOnly, raw, other, overlay);
  }

  /** {@return the same disk, whose image does not change: what the guest writes is lost} */
  public DiskConfig withOverlay() {
    return new DiskConfig(file, readOnly, raw, policy, true);
  }

  /** {@return whether the image changes when the guest writes} */
  public boolean writesImage() {
    return !readOnly && !overlay;
  }
}
