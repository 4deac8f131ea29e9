package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.microvm.socket.UnixConnection;

/**
 * A client of a control socket, of this program or of QEMU.
 *
 * <p>For one thread at a time, except for {@link #close}. A wait ends when its {@link Patience}
 * does, or when the thread is interrupted. Events are queued until they are read.
 */
public final class QmpClient implements AutoCloseable {
  private final SocketChannel socket;
  private final Patience patience;
  private final BlockingQueue<Message> answers = new LinkedBlockingQueue<>(MAX_ANSWERS);
  private final BlockingQueue<Message> events = new LinkedBlockingQueue<>();
  private final AtomicLong eventBytes = new AtomicLong();
  private volatile String failure = "";
  private final JsonNode greeting;

  /** Why the connection cannot be read; null if it can. */
  private volatile Error broken;

  private long lastId;
  private boolean refusedLate;

  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  /**
   * The most events that are queued: a guest causes events as long as it runs, and a program may
   * never read them.
   */
  private static final int MAX_EVENTS = 1024;

  /** The most bytes of queued events; a list of empty lists takes 30 times as much memory. */
  private static final long MAX_EVENT_BYTES = 1 << 20;

  /** An answer of {@code ringbuf-read} has 22 MiB. */
  private static final int MAX_LINE_BYTES = 32 << 20;

  /** There is one for each request; if a machine sends more, nothing more is read from it. */
  private static final int MAX_ANSWERS = 16;

  private static final int MAX_DESCRIPTION_CHARS = 4096;

  /** Marks the end of the stream in both queues. */
  private static final Message END = new Message(JsonNodeFactory.instance.missingNode(), 0);

  private record Message(JsonNode json, int bytes) {}

  /** Decides how long a client waits. */
  @FunctionalInterface
  public interface Patience {
    /**
     * Called once a second while a client waits.
     *
     * @param what the client waits for, such as {@code the greeting}
     * @param since how long it has waited so far
     * @throws IOException to end the wait
     */
    void waiting(String what, Duration since) throws IOException;

    /** Called at the end of a wait for which {@link #waiting} was called. */
    default void over() {}

    /**
     * {@return the patience that ends after a time}
     *
     * @param limit the longest wait for a reply or event
     */
    static Patience of(Duration limit) {
      return (what, since) -> {
        if (since.compareTo(limit) >= 0) {
          throw new IOException("%s did not arrive within %d s".formatted(what, limit.toSeconds()));
        }
      };
    }
  }

  private QmpClient(SocketChannel socket, Patience patience) throws IOException {
    this.socket = socket;
    this.patience = patience;
    Thread.ofVirtual().name("qmp-client").start(this::read);
    greeting = next(answers, "the greeting", System.nanoTime());
    execute("qmp_capabilities");
  }

  /**
   * Connects, and negotiates without any capability.
   *
   * @param path of the unix socket
   * @param limit the longest wait for a reply or event
   * @return the connection, which accepts commands
   * @throws IOException if nothing listens on the socket, or the other end does not speak QMP
   */
  public static QmpClient connect(Path path, Duration limit) throws IOException {
    return connect(path, Patience.of(limit));
  }

  /**
   * Connects, and negotiates without any capability.
   *
   * @param path of the unix socket
   * @param patience decides how long to wait for a reply or event
   * @return the connection, which accepts commands
   * @throws IOException if nothing listens on the socket, or the other end does not speak QMP
   */
  public static QmpClient connect(Path path, Patience patience) throws IOException {
    SocketChannel socket = UnixConnection.open(path);
    try {
      return new QmpClient(socket, patience);
    } catch (IOException | RuntimeException | Error e) {
      socket.close();
      throw e;
    }
  }

  /** {@return a new empty object for arguments} */
  public static ObjectNode arguments() {
    return JsonNodeFactory.instance.objectNode();
  }

  /** {@return the greeting of the server: an object with {@code QMP}, which has its version} */
  public JsonNode greeting() {
    return greeting;
  }

  /**
   * Runs a command without arguments and waits for the reply.
   *
   * @param command such as {@code query-status}
   * @return the value of {@code return} in the reply
   * @throws IOException as {@link #execute(String, ObjectNode)} does
   */
  public JsonNode execute(String command) throws IOException {
    return execute(command, arguments());
  }

  /**
   * Runs a command and waits for the reply.
   *
   * @param command such as {@code device_add}
   * @param arguments an object of the command's arguments; empty for none
   * @return the value of {@code return} in the reply
   * @throws QmpException if the reply is an error
   * @throws QmpDisconnectedException if the connection has ended
   * @throws IOException if there is no reply in time
   */
  public JsonNode execute(String command, ObjectNode arguments) throws IOException {
    long id = ++lastId;
    ObjectNode request = arguments().put("execute", command).put("id", id);
    if (!arguments.isEmpty()) {
      request.set("arguments", arguments);
    }
    send(ByteBuffer.wrap((JsonText.compact(request) + "\n").getBytes(StandardCharsets.UTF_8)));
    long start = System.nanoTime();
    JsonNode answer = next(answers, "the answer to " + command, start);
    refusedLate = false;
    while (answer.path("id").asLong() != id) {
      refusedLate = answer.has("error");
      answer = next(answers, "the answer to " + command, start);
    }
    JsonNode error = answer.get("error");
    if (error != null) {
      throw new QmpException(error.path("class").asText(), shortened(error.path("desc").asText()));
    }
    return answer.path("return");
  }

  /**
   * Writes a request on another thread. An interrupt of a thread that writes closes the connection,
   * and with it the way to undo what the interrupted caller has begun. A request that fits into the
   * socket's buffer, as all but huge ones do, is sent even if the thread is interrupted.
   */
  private void send(ByteBuffer line) throws IOException {
    CompletableFuture<Void> written = new CompletableFuture<>();
    Thread.ofVirtual().name("qmp-request").start(() -> write(line, written));
    try {
      try {
        written.get();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        written.orTimeout(SECOND, TimeUnit.NANOSECONDS).join();
      }
    } catch (ExecutionException | CompletionException e) {
      if (broken != null) {
        throw broken;
      }
      if (e.getCause() instanceof Error cannotWait) {
        throw cannotWait;
      }
      if (e.getCause() instanceof TimeoutException) {
        throw interrupted("the machine to take a request");
      }
      String why =
          e.getCause() instanceof ClosedChannelException
              ? "the connection is closed"
              : e.getCause().getMessage();
      throw new QmpDisconnectedException("the machine does not accept requests: " + why, e);
    }
  }

  private void write(ByteBuffer line, CompletableFuture<Void> written) {
    try {
      while (line.hasRemaining()) {
        socket.write(line);
      }
      written.complete(null);
    } catch (IOException | RuntimeException | Error e) {
      written.completeExceptionally(e);
    }
  }

  /**
   * {@return whether the command before the last one was refused, with an answer that {@link
   * #execute(String)} had stopped waiting for} Known once the last command is answered.
   */
  public boolean wasRefusedLate() {
    return refusedLate;
  }

  /**
   * Waits for the next event. The client keeps the newest 1024 events that nobody has waited for.
   *
   * @return the whole event: an object with {@code event}, {@code timestamp} and perhaps {@code
   *     data}
   * @throws IOException if there is no event in time
   */
  public JsonNode nextEvent() throws IOException {
    return next(events, "an event", System.nanoTime());
  }

  /**
   * Waits for the next event with this name and drops other events.
   *
   * @param name such as {@code SHUTDOWN}
   * @return the event's data; a missing node if it has none
   * @throws IOException if there is none in time
   */
  public JsonNode awaitEvent(String name) throws IOException {
    long start = System.nanoTime();
    JsonNode event = next(events, "an event", start);
    while (!event.path("event").asText().equals(name)) {
      event = next(events, "an event", start);
    }
    return event.path("data");
  }

  /**
   * Waits for the next event with this name for a while, and drops other events.
   *
   * @param name such as {@code SHUTDOWN}
   * @param time how long to wait
   * @return the event's data, a missing node if it has none; empty if there was none in that time
   * @throws IOException if the connection has ended
   */
  public Optional<JsonNode> pollEvent(String name, Duration time) throws IOException {
    long most = TimeUnit.NANOSECONDS.convert(time);
    long deadline = System.nanoTime() + most;
    for (long left = most; left > 0; left = deadline - System.nanoTime()) {
      JsonNode event = poll(events, "an event", left);
      if (event != null && event.path("event").asText().equals(name)) {
        return Optional.of(event.path("data"));
      }
    }
    return Optional.empty();
  }

  private static String shortened(String description) {
    return description.length() > MAX_DESCRIPTION_CHARS
        ? description.substring(0, MAX_DESCRIPTION_CHARS) + " ..."
        : description;
  }

  /**
   * Takes the next message.
   *
   * @param start of the wait, which messages about something else do not prolong
   */
  private JsonNode next(BlockingQueue<Message> queue, String what, long start) throws IOException {
    boolean told = false;
    try {
      if (System.nanoTime() - start >= SECOND) {
        told = true;
        patience.waiting(what, Duration.ofNanos(System.nanoTime() - start));
      }
      JsonNode node = poll(queue, what, SECOND);
      while (node == null) {
        told = true;
        patience.waiting(what, Duration.ofNanos(System.nanoTime() - start));
        node = poll(queue, what, SECOND);
      }
      return node;
    } finally {
      if (told) {
        patience.over();
      }
    }
  }

  /** Returns null if nothing arrives in time. */
  private JsonNode poll(BlockingQueue<Message> queue, String what, long nanos) throws IOException {
    try {
      Message message = queue.poll(nanos, TimeUnit.NANOSECONDS);
      if (message == END) {
        queue.offer(END);
        throw ended(what);
      }
      if (message == null) {
        return null;
      }
      if (queue == events) {
        eventBytes.addAndGet(-message.bytes());
      }
      return message.json();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw interrupted(what);
    }
  }

  private static InterruptedIOException interrupted(String what) {
    return new InterruptedIOException("interrupted while waiting for " + what);
  }

  private void keep(Message event) {
    while (!events.isEmpty()
        && (events.size() >= MAX_EVENTS || eventBytes.get() + event.bytes() > MAX_EVENT_BYTES)) {
      Message oldest = events.poll();
      eventBytes.addAndGet(oldest == null ? 0 : -oldest.bytes());
    }
    if (event.bytes() <= MAX_EVENT_BYTES) {
      eventBytes.addAndGet(event.bytes());
      events.add(event);
    }
  }

  private IOException ended(String what) {
    if (broken != null) {
      throw broken;
    }
    return failure.isEmpty()
        ? new QmpDisconnectedException("the machine closed its control socket before " + what)
        : new IOException(failure + " instead of " + what);
  }

  private void read() {
    try (InputStream input = Channels.newInputStream(socket)) {
      LineInput lines = new LineInput(input, MAX_LINE_BYTES);
      for (byte[] line = lines.next(); line != null; line = lines.next()) {
        Message message = new Message(QmpJson.parse(line), line.length);
        if (message.json().has("event")) {
          keep(message);
        } else {
          answers.put(message);
        }
      }
    } catch (LineInput.TooLongException e) {
      failure = e.getMessage();
    } catch (Error e) {
      // The JVM cannot wait for the socket, for example because of too many open files.
      broken = e;
    } catch (IOException e) {
      // The other end is gone or does not speak QMP. Waiting callers see the end of the stream.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      tellEnd();
    }
  }

  private void tellEnd() {
    events.add(END);
    try {
      answers.put(END);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
