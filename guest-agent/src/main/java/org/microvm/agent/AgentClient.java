package org.microvm.agent;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * Sends commands to the QEMU guest agent in a guest, over the unix socket of its channel. Commands
 * are called by name, with arguments and answers in JSON. {@link GuestAgent} has typed methods for
 * the usual commands.
 *
 * <p>Any thread may call; requests are sent one at a time. After a connect, and after anything that
 * may have left part of an answer in the channel, the next call begins with the {@code
 * guest-sync-delimited} handshake, so that no caller gets the answer to another request.
 */
public final class AgentClient implements AutoCloseable {
  /** The most bytes of most answers. */
  private static final int USUAL_LINE = 4 << 20;

  /** An agent keeps 16 MiB of each stream of a program's output, which are in base64. */
  private static final int EXEC_LINE = 48 << 20;

  /** The prefix of the commands that freeze file systems. */
  private static final String FREEZE = "guest-fsfreeze-freeze";

  private static final String THAW = "guest-fsfreeze-thaw";

  /** The count of a guest-file-read without one. */
  private static final int USUAL_COUNT = 4096;

  private final LineChannel channel;
  private final int maxLine;
  private final ReentrantLock lock = new ReentrantLock(true);

  /** Guarded by the lock. */
  private final AgentConnection connection;

  private AgentClient(LineChannel channel, int maxLine) {
    this.channel = channel;
    this.maxLine = maxLine;
    this.connection = new AgentConnection(channel);
  }

  /**
   * Connects to the host end of the agent's channel; the agent need not run yet.
   *
   * @param socket path of the unix socket
   * @return the connection; its first call does the handshake
   * @throws IOException if nothing listens on the socket
   */
  public static AgentClient connect(Path socket) throws IOException {
    return connect(socket, LineChannel.MAX_LINE);
  }

  static AgentClient connect(Path socket, int maxLine) throws IOException {
    return new AgentClient(LineChannel.connect(socket, Math.min(maxLine, USUAL_LINE)), maxLine);
  }

  /**
   * Sets the listener for events. It is called on the thread that is in a call of this client when
   * an event arrives; {@link #awaitEvent} is such a call.
   *
   * @param eventListener replaces the listener before; must not call this client
   */
  public void onEvent(Consumer<AgentEvent> eventListener) {
    connection.listener(eventListener);
  }

  /**
   * Waits until the agent answers and drops every answer to an earlier request.
   *
   * <p>The channel keeps the request until the agent opens its port, and the request is repeated at
   * growing intervals in case an agent ended after it had read it. So this method also waits for an
   * agent that has not started yet, or is restarting.
   *
   * @param limit how long to wait, the wait for other threads' calls included
   * @throws AgentTimeoutException if there is no answer within {@code limit}
   */
  public void sync(Duration limit) throws IOException {
    long deadline = deadline(limit);
    enter("guest-sync-delimited", limit);
    try {
      connection.sync(limit, deadline);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Calls a command that takes no arguments.
   *
   * @param command such as {@code guest-ping}
   * @param limit how long to wait for the answer, the wait for other threads' calls included
   * @return the value of {@code return} in the answer
   * @throws IOException as {@link #call(String, JsonNode, Duration)} does
   * @see #call(String, JsonNode, Duration)
   */
  public JsonNode call(String command, Duration limit) throws IOException {
    return call(command, null, limit);
  }

  /**
   * Calls a command by name and waits for its answer.
   *
   * @param command such as {@code guest-exec}
   * @param arguments an object, or null for none
   * @param limit how long to wait for the answer, the wait for other threads' calls included
   * @return the value of {@code return} in the answer
   * @throws AgentCommandException if the agent answers with an error
   * @throws AgentTimeoutException if there is no answer within {@code limit}
   * @throws AgentProtocolException if the answer is invalid
   * @throws AgentDisconnectedException if the channel is closed
   */
  public JsonNode call(String command, JsonNode arguments, Duration limit) throws IOException {
    long deadline = deadline(limit);
    enter(command, limit);
    boolean sent = false;
    try {
      long id = connection.request(command, arguments, limit, deadline);
      sent = true;
      channel.limitLines(Math.min(maxLine, mostBytes(command, arguments)));
      JsonNode answer = connection.answer(command, id, limit, deadline);
      JsonNode error = answer.get("error");
      if (error != null) {
        throw failure(command, error);
      }
      return answer.path("return");
    } catch (AgentTimeoutException | AgentProtocolException | InterruptedIOException e) {
      throw sent && command.startsWith(FREEZE) ? thawAfter(e, limit) : e;
    } finally {
      channel.limitLines(Math.min(maxLine, USUAL_LINE));
      lock.unlock();
    }
  }

  /**
   * Thaws the file systems after a freeze without an answer: the agent may still be freezing them.
   * The request follows the one for the freeze without a handshake, so the agent gets it even if
   * this process ends.
   *
   * @return the exception for the caller
   */
  private IOException thawAfter(IOException cause, Duration limit) {
    boolean interrupted = Thread.interrupted();
    long deadline = deadline(limit);
    String state = "; a thaw was sent but not confirmed: the file systems may be frozen";
    try {
      long id = connection.write(THAW, null, limit, deadline);
      while (true) {
        Line line = channel.readLine(deadline);
        if (line == null) {
          break;
        }
        JsonNode answer = AgentConnection.parse(THAW, line);
        if (!connection.tellIfEvent(answer) && AgentConnection.id(answer) == id) {
          connection.inStep(true);
          if (answer.has("return")) {
            state = "; the file systems were thawed";
          }
          break;
        }
      }
    } catch (IOException e) {
      cause.addSuppressed(e);
    }
    if (interrupted || cause instanceof InterruptedIOException) {
      Thread.currentThread().interrupt();
      InterruptedIOException end = new InterruptedIOException(cause.getMessage() + state);
      end.initCause(cause);
      return end;
    }
    return cause instanceof AgentTimeoutException
        ? new AgentTimeoutException(cause.getMessage() + state)
        : new AgentProtocolException(cause.getMessage() + state, cause);
  }

  /**
   * The most bytes of the answer to a command: a hostile guest may send as many as are accepted.
   */
  private static int mostBytes(String command, JsonNode arguments) {
    return switch (command) {
      case "guest-file-read" -> {
        JsonNode count = arguments == null ? null : arguments.get("count");
        long bytes = count == null ? USUAL_COUNT : Math.max(0, count.asLong());
        yield (int) Math.min(LineChannel.MAX_LINE, USUAL_LINE + bytes / 3 * 4);
      }
      case "guest-exec-status" -> EXEC_LINE;
      default -> USUAL_LINE;
    };
  }

  /**
   * Waits for an event, without sending a request.
   *
   * @param limit how long to wait, the wait for other threads' calls included
   * @return whether an event arrived within {@code limit}; the listener was called with it
   * @throws AgentException if the agent sends something invalid, the channel is closed, or other
   *     threads' calls take all of {@code limit}
   */
  public boolean awaitEvent(Duration limit) throws IOException {
    long deadline = deadline(limit);
    enter("event", limit);
    try {
      while (true) {
        Line line = channel.readLine(deadline);
        if (line == null) {
          return false;
        }
        if (connection.tellIfEvent(AgentConnection.parse("event", line))) {
          return true;
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Sends a command that has no answer when it succeeds, such as {@code guest-shutdown}. If it
   * fails, the agent's answer is dropped at the next call.
   *
   * @param command such as {@code guest-shutdown}
   * @param arguments an object, or null for none
   * @param limit how long to wait until the channel has taken the command
   * @throws AgentException if the channel does not take it within {@code limit}, or is closed
   */
  public void send(String command, JsonNode arguments, Duration limit) throws IOException {
    long deadline = deadline(limit);
    enter(command, limit);
    try {
      connection.request(command, arguments, limit, deadline);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Sends a command that has no answer when it succeeds, and waits for a sign of success: the
   * answer to a ping that is sent after it, the end of the channel, or no answer within {@code
   * consent}.
   *
   * @param limit how long to wait until the channel has taken the command
   * @throws AgentCommandException if the agent answers with an error
   * @throws AgentException if the command was not sent, for example because no agent answers the
   *     handshake
   */
  void sendAndConfirm(String command, JsonNode arguments, Duration limit, Duration consent)
      throws IOException {
    long sendDeadline = deadline(limit);
    enter(command, limit);
    boolean sent = false;
    try {
      long id = connection.request(command, arguments, limit, sendDeadline);
      sent = true;
      connection.inStep(false);
      long deadline = deadline(consent);
      long ping = connection.write("guest-ping", null, consent, deadline);
      while (true) {
        Line line = channel.readLine(deadline);
        if (line == null) {
          return;
        }
        JsonNode answer = AgentConnection.parse(command, line);
        connection.tellIfEvent(answer);
        if (AgentConnection.id(answer) == id && answer.has("error")) {
          throw failure(command, answer.get("error"));
        }
        if (AgentConnection.id(answer) == ping) {
          connection.inStep(true);
          return;
        }
      }
    } catch (AgentDisconnectedException | AgentTimeoutException e) {
      if (!sent) {
        throw e;
      }
      // The guest went down at once.
    } finally {
      lock.unlock();
    }
  }

  private static AgentCommandException failure(String command, JsonNode error) {
    return AgentCommandException.of(
        command,
        error.path("class").asText("GenericError"),
        error.path("desc").asText("no reason given"));
  }

  /** Waits until no other thread uses the channel, and reserves it for this one. */
  private void enter(String command, Duration limit) throws IOException {
    try {
      if (!lock.tryLock(TimeUnit.NANOSECONDS.convert(limit), TimeUnit.NANOSECONDS)) {
        throw new AgentTimeoutException(command, limit);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for the guest agent");
    }
  }

  /** {@return a new empty object for arguments} */
  public static ObjectNode arguments() {
    return AgentConnection.JSON.createObjectNode();
  }

  private static long deadline(Duration limit) {
    return System.nanoTime() + TimeUnit.NANOSECONDS.convert(limit);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
