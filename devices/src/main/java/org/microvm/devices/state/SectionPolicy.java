package org.microvm.devices.state;

/** What a reader does with a section that it does not know. */
public enum SectionPolicy {
  /** Refuses the state, because the machine would not be the same without the section's content. */
  REQUIRED,
  /** Skips the section. */
  OPTIONAL
}
