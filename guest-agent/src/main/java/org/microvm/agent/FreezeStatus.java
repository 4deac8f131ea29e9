package org.microvm.agent;

/** Whether the guest's file systems may be written to. */
public enum FreezeStatus {
  /** They may be written to. */
  THAWED,
  /** Writers wait until they are thawed. */
  FROZEN
}
