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
 * <p>The guest is injected into parameters of type {@link GuestVm} of test and lifecycle methods,
 * and into the fields of that type. It is closed when its tests are over, whatever their result, or
 * when the JVM ends. If a test fails, the report contains the guest's console output. Classes that
 * run in parallel have separate guests; within a class the tests share one. If a test fails and
 * leaves the guest unusable, the next test gets a new one; see {@link GuestVm#discard}.
 *
 * <p>Without {@code /dev/kvm} the tests are skipped, with the reason; with {@code
 * MICROVM_REQUIRE_KVM=1} in the environment that is an error.
 *
 * <p>By default, kernel and root file system are those of {@link
 * org.microvm.machine.config.GuestImages#installed()}, which start QEMU's guest agent.
 */
@Documented
@Inherited
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(MicroVmExtension.class)
public @interface MicroVm {
  /**
   * The system property with a lower bound for {@link #bootSeconds} of all guests, for hosts that
   * are slower than the tests expect.
   */
  String BOOT_SECONDS = "microvm.boot.seconds";

  /** The lifetime of a guest. */
  enum Scope {
    /** The tests of the class share a guest. */
    CLASS,
    /** Every test has a guest of its own. */
    METHOD
  }

  /** {@return the size of guest RAM in MiB} */
  int memory() default 128;

  /** {@return the number of vCPUs} */
  int cpus() default 1;

  /**
   * {@return the path of another kernel: ELF vmlinux, bzImage or bare-metal ELF; empty for the
   * images' own}
   */
  String kernel() default "";

  /** {@return the path of an initial RAM disk; empty for none} */
  String initrd() default "";

  /**
   * {@return the path of another root disk, a raw image, which the guest may write to; empty for
   * the images' own, or for none with another {@link #kernel}}
   */
  String disk() default "";

  /**
   * {@return text appended to the kernel command line of the images; with another {@link #kernel}
   * it is the whole command line}
   */
  String append() default "";

  /** {@return the names of the guest's channels, for {@link GuestVm#channel}} */
  String[] channels() default {};

  /**
   * {@return whether the guest has a guest agent} With one, the guest gets its channel and tests
   * start once it answers. Without one, tests start when the guest starts.
   */
  boolean agent() default true;

  /**
   * {@return the most seconds until the guest's agent answers} The system property {@link
   * #BOOT_SECONDS} can raise this limit.
   */
  int bootSeconds() default 180;

  /** {@return what happens when the guest reboots} */
  OnReset onReset() default OnReset.EXIT;

  /** {@return the lifetime of a guest; only for an annotation of a class} */
  Scope scope() default Scope.CLASS;

  /**
   * {@return whether guests of {@link Scope#METHOD} are restored from a snapshot of a guest that
   * has booted} That takes a fraction of the time of a boot. Restored guests start with the same
   * clock and the same state of their random number generators. Guests with a {@link #disk}, with a
   * {@link #setup} or without an {@link #agent} are always booted.
   */
  boolean snapshot() default true;

  /**
   * {@return the number of restored guests that are kept ready, paused, so that a test does not
   * wait for its guest; 0 to restore each when its test begins} Only for guests that are restored
   * from a {@link #snapshot}. With tests that run in parallel, keep as many ready as run at a time.
   */
  int pool() default 0;

  /**
   * {@return the class with further settings of the machine, which the annotation has no attribute
   * for}
   */
  Class<? extends GuestSetup> setup() default GuestSetup.Nothing.class;
}
