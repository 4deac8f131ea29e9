package org.microvm.devices.state;

/** What a reader does that does not know a section. */
public enum Need {
  /** It refuses the state: a machine without what is in the section would not be the same. */
  REQUIRED,
  /** It skips the section. */
  OPTIONAL
}
