package org.microvm.junit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;
import org.microvm.machine.config.OnReset;

/**
 * Boots a guest for the tests of a class, or for one test.
 *
 * <pre>{@code
 * @MicroVm(memory = 256, channels = "org.example.0")
 * class KernelTest {
 *   @Test
 *   void kernel_isOurs(GuestVm vm) throws IOException {
 *     assertEquals("6.1", vm.exec("uname", "-r").output().substring(0, 3));
 *   }
 * }
 * }</pre>
 *
 * <p>The guest is a parameter of type {@link GuestVm} of a test or lifecycle method, and every
 * field of that type that is still null. It is gone when its tests are over, whatever became of
 * them, and with the JVM. When a test fails, what the guest has said on its console is in the
 * report. Classes that run in parallel have guests of their own; within a class the tests share
 * one.
 *
 * <p>Without {@code /dev/kvm} the tests are skipped and say why; with {@code MICROVM_REQUIRE_KVM=1}
 * in the environment that is an error.
 *
 * <p>Kernel and root file system are those of {@link
 * org.microvm.machine.config.GuestImages#installed()}, whose root starts QEMU's guest agent.
 */
@Documented
@Inherited
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(MicroVmExtension.class)
public @interface MicroVm {
  /** How long one guest lives. */
  enum Scope {
    /** The tests of the class share a guest. */
    CLASS,
    /** Every test has a guest of its own. */
    METHOD
  }

  /** Guest RAM in MiB. */
  int memory() default 128;

  /** Number of vCPUs. */
  int cpus() default 1;

  /** Another kernel: ELF vmlinux, bzImage or bare-metal ELF. */
  String kernel() default "";

  /** An initial RAM disk. */
  String initrd() default "";

  /** Another root disk, a raw image; the guest may write to it. */
  String disk() default "";

  /**
   * Words to add to the kernel command line of the images, or the whole of it with another {@link
   * #kernel}.
   */
  String append() default "";

  /** Names of channels to the guest, for {@link GuestVm#channel}. */
  String[] channels() default {};

  /**
   * Whether the guest has a guest agent: its channel is there, and tests start once it answers.
   * Without one they start when the guest does.
   */
  boolean agent() default true;

  /** How many seconds the guest may take until its agent answers. */
  int bootSeconds() default 180;

  /** What the guest's reboot does. */
  OnReset onReset() default OnReset.EXIT;

  /** For an annotation of a class: how long a guest lives. */
  Scope scope() default Scope.CLASS;

  /**
   * With a guest for each test: whether they are restored from a snapshot of one that has booted,
   * which takes a fraction of the time. They begin with the same clock and the same state of their
   * random number generators. Guests with a {@link #disk}, a {@link #setup} or without an {@link
   * #agent} are booted each time.
   */
  boolean snapshot() default true;

  /** What the words above do not say. */
  Class<? extends GuestSetup> setup() default GuestSetup.Nothing.class;
}
