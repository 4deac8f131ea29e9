package org.microvm.sandbox;

/** What happens at a system call that a machine never makes (seccomp(2)). */
public enum SandboxMode {
  /** The call fails with EPERM, and the process continues. */
  ON,

  /** The kernel kills the process. */
  STRICT
}
