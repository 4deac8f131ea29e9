package org.microvm.linux;

import java.lang.reflect.Proxy;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * SIGWINCH: the controlling terminal of this process has another size. One listener at a time; it
 * is called on a thread of the JVM's.
 *
 * <p>The JVM has no other way to this signal than {@code sun.misc.Signal}, which the compiler warns
 * of without a way to accept that; so it is called by reflection. Where it is missing the signal is
 * not noticed, and that is all.
 */
public final class WindowSignal implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(WindowSignal.class);
  private static final String NAME = "WINCH";

  private final Object former;

  private WindowSignal(Object former) {
    this.former = former;
  }

  /** Calls {@code listener} at each such signal, until closed. */
  public static WindowSignal listen(Runnable listener) {
    try {
      Class<?> handler = handlerType();
      Object ours =
          Proxy.newProxyInstance(
              handler.getClassLoader(),
              new Class<?>[] {handler},
              (proxy, method, arguments) ->
                  switch (method.getName()) {
                    case "handle" -> {
                      listener.run();
                      yield null;
                    }
                    case "hashCode" -> System.identityHashCode(proxy);
                    case "equals" -> proxy == arguments[0];
                    default -> "window signal handler";
                  });
      return new WindowSignal(handle(ours));
    } catch (ReflectiveOperationException | IllegalArgumentException e) {
      LOG.debug("changes of the terminal's size are not noticed: {}", e.toString());
      return new WindowSignal(null);
    }
  }

  /** Puts back what was there before. */
  @Override
  public void close() {
    try {
      if (former != null) {
        handle(former);
      }
    } catch (ReflectiveOperationException e) {
      LOG.debug("signal handler not put back: {}", e.toString());
    }
  }

  /** Installs a handler; returns the one before. */
  private static Object handle(Object handler) throws ReflectiveOperationException {
    Class<?> type = Class.forName("sun.misc.Signal");
    Object signal = type.getConstructor(String.class).newInstance(NAME);
    return type.getMethod("handle", type, handlerType()).invoke(null, signal, handler);
  }

  private static Class<?> handlerType() throws ClassNotFoundException {
    return Class.forName("sun.misc.SignalHandler");
  }
}
