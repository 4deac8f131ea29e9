package org.microvm.linux;

import java.lang.reflect.Proxy;
import org.microvm.syscall.Syscalls;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Listens for a signal to this process. A signal has one listener at a time; it is called on a
 * thread of the JVM, a new one for each signal.
 *
 * <p>Only {@code sun.misc.Signal} gives access to signals. The compiler warns about it and the
 * warning cannot be suppressed, so it is called by reflection. Where the class is missing, the
 * listener is never called, and the signal has the effect that it has without one.
 */
public final class ProcessSignal implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ProcessSignal.class);

  /** SIGTSTP of asm-generic/signal.h. */
  private static final int SIGTSTP = 20;

  /** The signals that can be listened for. */
  public enum Kind {
    /** SIGWINCH: the size of the controlling terminal has changed. */
    WINDOW("WINCH"),
    /** SIGTSTP: a request to stop this process, such as Ctrl-Z. */
    STOP("TSTP"),
    /** SIGCONT: this process continues after it was stopped. */
    CONTINUE("CONT"),
    /** SIGINT: a request to end this process, such as Ctrl-C. */
    INTERRUPT("INT"),
    /** SIGTERM: a request of a program to end this process. */
    TERMINATE("TERM"),
    /** SIGHUP: the terminal has hung up. */
    HANG_UP("HUP");

    private final String text;

    Kind(String text) {
      this.text = text;
    }
  }

  private final Kind kind;
  private final Object ours;
  private final Object former;

  private ProcessSignal(Kind kind, Object ours, Object former) {
    this.kind = kind;
    this.ours = ours;
    this.former = former;
  }

  /**
   * Calls a listener at each such signal, until closed.
   *
   * @param kind the signal
   * @param listener called on a thread of the JVM
   * @return the registration, which the caller closes
   */
  public static ProcessSignal listen(Kind kind, Runnable listener) {
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
                    default -> "signal handler";
                  });
      return new ProcessSignal(kind, ours, handle(kind, ours));
    } catch (ReflectiveOperationException | IllegalArgumentException e) {
      LOG.debug("cannot listen for SIG{}: {}", kind.text, e.toString());
      return new ProcessSignal(kind, null, null);
    }
  }

  /**
   * Stops this process as SIGTSTP does without a listener, so that the shell reports it as stopped
   * by its user. Returns once the process continues; at once if it cannot be stopped, because no
   * shell would continue it (an orphaned process group). For a listener of {@link Kind#STOP}.
   */
  public void stopProcess() {
    try {
      handle(kind, handlerType().getField("SIG_DFL").get(null));
      // To this thread, so that the process has stopped and continued when the call returns.
      Syscalls.tgkill(Syscalls.getpid(), Syscalls.gettid(), SIGTSTP);
      handle(kind, ours);
    } catch (ReflectiveOperationException e) {
      LOG.debug("cannot stop: {}", e.toString());
    }
  }

  /** Restores the previous handler. */
  @Override
  public void close() {
    try {
      if (former != null) {
        handle(kind, former);
      }
    } catch (ReflectiveOperationException e) {
      LOG.debug("cannot restore the previous handler of SIG{}: {}", kind.text, e.toString());
    }
  }

  /** Installs a handler and returns the previous one. */
  private static Object handle(Kind kind, Object handler) throws ReflectiveOperationException {
    Class<?> type = Class.forName("sun.misc.Signal");
    Object signal = type.getConstructor(String.class).newInstance(kind.text);
    return type.getMethod("handle", type, handlerType()).invoke(null, signal, handler);
  }

  private static Class<?> handlerType() throws ClassNotFoundException {
    return Class.forName("sun.misc.SignalHandler");
  }
}
