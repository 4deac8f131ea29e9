package org.microvm.linux;

import java.lang.reflect.Proxy;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Listens for SIGWINCH: the size of this process's controlling terminal has changed. There is one
 * listener at a time; it is called on a thread of the JVM.
 *
 * <p>Only {@code sun.misc.Signal} gives access to this signal. The compiler warns about it and the
 * warning cannot be suppressed, so it is called by reflection. Where the class is missing, the
 * listener is never called.
 */
public final class WindowSignal implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(WindowSignal.class);
  private static final String NAME = "WINCH";

  private final Object former;

  private WindowSignal(Object former) {
    this.former = former;
  }

  /**
   * Calls a listener at each such signal, until closed.
   *
   * @param listener called on a thread of the JVM; must not block
   * @return the registration, which the caller closes
   */
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
      LOG.debug("cannot listen for changes of the terminal's size: {}", e.toString());
      return new WindowSignal(null);
    }
  }

  /** Restores the previous handler. */
  @Override
  public void close() {
    try {
      if (former != null) {
        handle(former);
      }
    } catch (ReflectiveOperationException e) {
      LOG.debug("cannot restore the previous SIGWINCH handler: {}", e.toString());
    }
  }

  /** Installs a handler and returns the previous one. */
  private static Object handle(Object handler) throws ReflectiveOperationException {
    Class<?> type = Class.forName("sun.misc.Signal");
    Object signal = type.getConstructor(String.class).newInstance(NAME);
    return type.getMethod("handle", type, handlerType()).invoke(null, signal, handler);
  }

  private static Class<?> handlerType() throws ClassNotFoundException {
    return Class.forName("sun.misc.SignalHandler");
  }
}
