package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.microvm.linux.DescriptorMessage;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.virtioserial.backend.HostConnection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connection of one client. All methods run on the control socket's event loop.
 *
 * <p>While a client does not read the replies to its commands, no more commands are run for it. A
 * client that leaves more than {@link #MAX_PENDING} bytes of events unread is disconnected. So a
 * slow client neither uses unlimited memory nor delays others.
 */
final class QmpSession implements QmpInput.Sink {
  private static final Logger LOG = LoggerFactory.getLogger(QmpSession.class);

  /** A client with more unread bytes of events than this is disconnected. */
  static final int MAX_PENDING = 1 << 20;

  /** The most descriptors that wait for their command. */
  private static final int MAX_DESCRIPTORS = 16;

  private static final int READ_BYTES = 4096;

  /** How long a command waits that cannot be run at once; the other clients do not wait for it. */
  private static final long MAX_WAIT_SECONDS = 5;

  private final EventLoop loop;
  private final ClientConnection connection;
  private final QmpCommands commands;
  private final QmpEvents events;
  private final Consumer<QmpSession> onEnd;
  private final QmpOutput output;
  private final QmpInput input = new QmpInput(this);
  private final MemorySegment readBuffer = Arena.ofAuto().allocate(READ_BYTES);
  private final Deque<Fd> descriptors = new ArrayDeque<>();

  /** What was read, and how much of it was processed. */
  private byte[] chunk = {};

  private int processed;

  /** Bytes of the last answer while the client leaves much unread, otherwise 0. */
  private int answer;

  /** Whether a command waits until it can be run; the client's later commands wait for it. */
  private boolean waiting;

  private boolean negotiated;
  private boolean outOfBand;
  private boolean inputEnded;

  QmpSession(
      EventLoop loop,
      HostConnection connection,
      QmpCommands commands,
      QmpEvents events,
      Consumer<QmpSession> onEnd)
      throws ErrnoException {
    this.loop = loop;
    this.commands = commands;
    this.events = events;
    this.onEnd = onEnd;
    this.connection = new ClientConnection(loop, connection, this::ready, readiness -> writable());
    output = this.connection.output();
  }

  /** Sends the greeting. */
  void greet() {
    send(commands.greeting());
  }

  /** Sends an event, if the client has negotiated its capabilities. */
  void event(ObjectNode event) {
    if (negotiated && !connection.isClosed()) {
      output.add(line(event));
      flush();
      if (processed < chunk.length && !output.isFull()) {
        loop.execute(this::process);
      }
    }
  }

  private void ready(int events) {
    if ((events & EventLoop.OUT) != 0) {
      writable();
    }
    if ((events & (EventLoop.IN | EventLoop.HUP | EventLoop.ERR)) == 0 || connection.isClosed()) {
      return;
    }
    if (waiting) {
      // No input is requested now, so the client has gone. Its command still runs.
      end();
      return;
    }
    if (!inputEnded && processed == chunk.length) {
      read();
    } else if ((events & EventLoop.IN) == 0) {
      end();
    }
  }

  private void writable() {
    flush();
    process();
  }

  private void read() {
    List<Fd> received = new ArrayList<>();
    long length = DescriptorMessage.receive(connection.input(), readBuffer, received);
    if (length == -Errno.ENOTSOCK) {
      length = connection.input().read(readBuffer);
    }
    keep(received);
    if (length > 0) {
      chunk = readBuffer.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
      processed = 0;
      process();
    } else if (length == 0) {
      finish();
    } else if (length != -Errno.EAGAIN && length != -Errno.EINTR) {
      end();
    }
  }

  /**
   * Handles the end of the client's commands; it still gets the answers to those that it has sent.
   */
  private void finish() {
    inputEnded = true;
    connection.endInput();
    flush();
  }

  /** Runs the commands that were read, until the client has enough answers to read. */
  private void process() {
    while (processed < chunk.length && !connection.isClosed() && !waiting && !output.isFull()) {
      input.accept(chunk[processed++] & 0xff);
    }
  }

  /** Keeps descriptors until a command takes them, but not without limit. */
  private void keep(List<Fd> received) {
    descriptors.addAll(received);
    while (descriptors.size() > MAX_DESCRIPTORS) {
      descriptors.remove().close();
    }
  }

  @Override
  public void value(byte[] json) {
    if (connection.isClosed()) {
      return;
    }
    JsonNode id = null;
    try {
      JsonNode message = QmpJson.parse(json);
      id = message.get("id");
      QmpRequest request = QmpRequest.of(message, outOfBand, descriptors::poll);
      CompletableFuture<Void> ready = commands.ready(request);
      if (negotiated && !ready.isDone()) {
        delay(id, request, ready);
      } else {
        run(id, request);
      }
    } catch (QmpException e) {
      error(id, e);
    } catch (RuntimeException | Error e) {
      failed(id, e);
    }
  }

  /** Runs a command once it can be run, or when it has waited for too long. */
  private void delay(JsonNode id, QmpRequest request, CompletableFuture<Void> ready) {
    beginToWait();
    Runnable next =
        () -> {
          waiting = false;
          run(id, request);
          goOn();
        };
    ready
        .completeOnTimeout(null, MAX_WAIT_SECONDS, TimeUnit.SECONDS)
        .thenRun(() -> loop.execute(next, () -> {}));
  }

  /** Takes no further commands of this client until {@link #goOn}. */
  private void beginToWait() {
    waiting = true;
    if (!connection.isClosed()) {
      await();
    }
  }

  private void goOn() {
    process();
    flush();
  }

  private void run(JsonNode id, QmpRequest request) {
    CompletableFuture<JsonNode> answer;
    try {
      answer = answer(request);
    } catch (QmpException e) {
      error(id, e);
      return;
    } catch (RuntimeException | Error e) {
      failed(id, e);
      return;
    }
    if (answer.isDone()) {
      reply(id, answer);
      return;
    }
    beginToWait();
    answer.whenComplete(
        (_, _) -> {
          waiting = false;
          reply(id, answer);
          goOn();
        });
  }

  /** Sends the result of a command that has ended. */
  private void reply(JsonNode id, CompletableFuture<JsonNode> answer) {
    try {
      ObjectNode reply = JsonNodeFactory.instance.objectNode();
      reply.set("return", answer.join());
      if (id != null) {
        reply.set("id", id);
      }
      send(reply);
    } catch (CompletionException e) {
      if (e.getCause() instanceof QmpException refusal) {
        error(id, refusal);
      } else {
        failed(id, e.getCause());
      }
    } catch (RuntimeException | Error e) {
      failed(id, e);
    }
  }

  /**
   * Reports a mistake of this program, or for example a LinkageError, because its files were
   * replaced while it runs.
   */
  private void failed(JsonNode id, Throwable failure) {
    // Logging may need some of these files, so the waiting client is answered first.
    error(id, QmpException.generic("internal error; the log of the machine has the details"));
    if (commands.isFailureLogged()) {
      LOG.error("a command on the control socket failed", failure);
    }
  }

  @Override
  public void malformed(String description) {
    error(null, QmpException.generic("%s", description));
  }

  @Override
  public void tooLong(Optional<byte[]> id) {
    QmpException why =
        QmpException.generic("the command is longer than %d bytes", QmpInput.MAX_BYTES);
    try {
      error(id.isPresent() ? QmpJson.parse(id.get()) : null, why);
    } catch (QmpException noJson) {
      error(null, why);
    }
  }

  private CompletableFuture<JsonNode> answer(QmpRequest request) throws QmpException {
    if (!request.name().equals(QmpCommands.NEGOTIATE)) {
      if (!negotiated) {
        throw new QmpException(
            QmpException.COMMAND_NOT_FOUND,
            "Expecting capabilities negotiation with 'qmp_capabilities'");
      }
      return commands.run(request);
    }
    if (negotiated) {
      throw new QmpException(
          QmpException.COMMAND_NOT_FOUND,
          "Capabilities negotiation is already complete, command ignored");
    }
    CompletableFuture<JsonNode> result = commands.run(request);
    negotiated = true;
    for (JsonNode capability : request.arguments().path("enable")) {
      outOfBand |= capability.asText().equals(QmpCommands.OUT_OF_BAND);
    }
    return result;
  }

  private void error(JsonNode id, QmpException e) {
    ObjectNode reply = JsonNodeFactory.instance.objectNode();
    if (id != null) {
      reply.set("id", id);
    }
    reply.putObject("error").put("class", e.errorClass()).put("desc", e.getMessage());
    send(reply);
  }

  /** Sends an answer, after the events that the command has caused. */
  private void send(ObjectNode reply) {
    events.flush();
    if (!connection.isClosed()) {
      byte[] line = line(reply);
      answer = line.length;
      output.add(line);
      flush();
    }
  }

  private static byte[] line(ObjectNode message) {
    return (QmpJson.write(message) + "\r\n").getBytes(StandardCharsets.US_ASCII);
  }

  private void flush() {
    if (connection.isClosed()) {
      return;
    }
    if (!output.flush()) {
      end();
    } else if (output.pending() - answer > MAX_PENDING) {
      LOG.warn("disconnecting a control socket client that does not read its events");
      end();
    } else {
      answer = output.isFull() ? answer : 0;
      await();
    }
  }

  private void await() {
    if (!inputEnded) {
      connection.await(!waiting);
    } else if (output.pending() == 0) {
      end();
    } else {
      connection.awaitRoom();
    }
  }

  /** Disconnects the client. */
  void end() {
    if (!connection.isClosed()) {
      connection.close();
      descriptors.forEach(Fd::close);
      descriptors.clear();
      onEnd.accept(this);
    }
  }
}
