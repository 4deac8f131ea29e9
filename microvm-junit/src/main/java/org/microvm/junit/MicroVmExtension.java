package org.microvm.junit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.AnnotatedElement;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;
import org.microvm.kvm.Kvm;
import org.microvm.linux.PlainText;

/**
 * The JUnit extension that implements {@link MicroVm}. A guest is kept in the store of the class or
 * method that it was booted for, where JUnit closes it. Tests of nested classes find it through
 * their context's ancestors.
 */
public final class MicroVmExtension
    implements ExecutionCondition,
        BeforeAllCallback,
        BeforeEachCallback,
        AfterEachCallback,
        AfterAllCallback,
        ParameterResolver {
  static final String NO_CONSOLE_OUTPUT = "(no output)";

  private static final Namespace NAMESPACE = Namespace.create(MicroVmExtension.class);

  /** Called by JUnit, which registers the extension by its class. */
  public MicroVmExtension() {}

  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    return KvmAvailability.evaluate(
        Kvm.DEVICE, "1".equals(System.getenv(KvmAvailability.REQUIRED)));
  }

  @Override
  public void beforeAll(ExtensionContext context) throws IOException {
    Optional<MicroVm> wanted = annotation(context.getRequiredTestClass());
    if (wanted.isPresent()) {
      if (wanted.get().scope() == MicroVm.Scope.METHOD) {
        return;
      }
      boot(context, wanted.get());
    }
    // A nested class has the guest of the class that encloses it.
    injectStatics(context);
    // With one test instance for the whole class, the instance exists already.
    injectInstances(context);
  }

  @Override
  public void beforeEach(ExtensionContext context) throws IOException {
    Optional<MicroVm> own = annotation(context.getRequiredTestMethod());
    if (own.isPresent()) {
      boot(context, own.get());
    } else {
      Optional<ExtensionContext> ofClass = annotatedClass(context);
      if (ofClass.isPresent()) {
        if (wanted(ofClass.get()).scope() == MicroVm.Scope.METHOD) {
          put(context, oneLike(ofClass.get()));
        } else {
          replaceIfDiscarded(ofClass.get(), context);
        }
      }
    }
    injectInstances(context);
  }

  /**
   * Boots another guest for the tests of a class if one of them has left the first unusable. Tests
   * that run in parallel must not do so twice: the store closes only the guest that it holds.
   */
  private static void replaceIfDiscarded(ExtensionContext ofClass, ExtensionContext test)
      throws IOException {
    ExtensionContext.Store store = ofClass.getStore(NAMESPACE);
    ReentrantLock lock =
        store.computeIfAbsent(ReentrantLock.class, _ -> new ReentrantLock(), ReentrantLock.class);
    lock.lock();
    try {
      RunningGuest first = store.get(RunningGuest.class, RunningGuest.class);
      if (first == null || !first.vm().discarded()) {
        return;
      }
      first.close();
      boot(ofClass, wanted(ofClass));
      for (Optional<ExtensionContext> at = test.getParent();
          at.isPresent() && at.get().getTestClass().isPresent();
          at = at.get() == ofClass ? Optional.empty() : at.get().getParent()) {
        injectStatics(at.get());
      }
    } finally {
      lock.unlock();
    }
  }

  private static void injectStatics(ExtensionContext context) {
    guest(context).ifPresent(vm -> GuestFields.inject(context.getRequiredTestClass(), null, vm));
  }

  private static void injectInstances(ExtensionContext context) {
    Optional<GuestVm> vm = guest(context);
    if (vm.isEmpty() || context.getTestInstances().isEmpty()) {
      return;
    }
    for (Object instance : context.getRequiredTestInstances().getAllInstances()) {
      GuestFields.inject(instance.getClass(), instance, vm.get());
    }
  }

  @Override
  public void afterEach(ExtensionContext context) {
    reportIfFailed(context);
    if (context.getExecutionException().isPresent()) {
      guest(context).ifPresent(GuestVm::discardIfUnusable);
    }
  }

  @Override
  public void afterAll(ExtensionContext context) {
    reportIfFailed(context);
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == GuestVm.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return guest(context)
        .orElseThrow(
            () ->
                new ParameterResolutionException(
                    "there is no guest yet: with a guest for each test, constructors and"
                        + " @BeforeAll/@AfterAll methods cannot have one"));
  }

  private static void boot(ExtensionContext context, MicroVm wanted) throws IOException {
    put(context, new GuestBoot(wanted).boot());
  }

  private static void put(ExtensionContext context, RunningGuest guest) {
    context.getStore(NAMESPACE).put(RunningGuest.class, guest);
  }

  /** Starts another guest for a test of a class. */
  private static RunningGuest oneLike(ExtensionContext ofClass) throws IOException {
    GuestBoot boot = new GuestBoot(wanted(ofClass));
    if (!boot.restores()) {
      return boot.boot();
    }
    try {
      return ofClass
          .getStore(NAMESPACE)
          .computeIfAbsent(GuestTemplate.class, _ -> template(boot), GuestTemplate.class)
          .restore();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private static GuestTemplate template(GuestBoot boot) {
    try {
      return GuestTemplate.make(boot);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Optional<GuestVm> guest(ExtensionContext context) {
    return Optional.ofNullable(
            context.getStore(NAMESPACE).get(RunningGuest.class, RunningGuest.class))
        .map(RunningGuest::vm);
  }

  private static Optional<MicroVm> annotation(AnnotatedElement element) {
    return AnnotationSupport.findAnnotation(element, MicroVm.class);
  }

  private static MicroVm wanted(ExtensionContext ofClass) {
    return annotation(ofClass.getRequiredTestClass()).orElseThrow();
  }

  /**
   * Returns the context of the nearest annotated class: the test's class or one that encloses it.
   */
  private static Optional<ExtensionContext> annotatedClass(ExtensionContext context) {
    Optional<ExtensionContext> at = context.getParent();
    while (at.isPresent()
        && at.get().getTestClass().flatMap(MicroVmExtension::annotation).isEmpty()) {
      at = at.get().getParent();
    }
    return at;
  }

  private static void reportIfFailed(ExtensionContext context) {
    if (context.getExecutionException().isEmpty()) {
      return;
    }
    guest(context)
        .ifPresent(
            vm -> {
              // JUnit refuses a report entry without text.
              String text = vm.console().isBlank() ? NO_CONSOLE_OUTPUT : vm.console();
              context.publishReportEntry("guest console", text);
              // Build tools keep the output of a failed test, but not all of them keep report
              // entries.
              System.err.printf(
                  "--- console of the guest of %s ---%n%s%n--- end of the guest's console ---%n",
                  context.getDisplayName(), printable(text));
            });
  }

  /** The guest determines the text, and a terminal may show it. */
  private static String printable(String console) {
    return PlainText.of(console.replace("\r\n", "\n"), "\t\n");
  }
}
