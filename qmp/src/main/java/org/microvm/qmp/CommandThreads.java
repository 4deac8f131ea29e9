package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.microvm.linux.EventLoop;

/**
 * Does the work of commands that may wait: for the machine's vCPUs, or for a snapshot, a memory
 * dump or a handover that holds the machine's locks. Each has a thread of its own, which ends with
 * it, so that the other clients of the control socket do not wait.
 */
final class CommandThreads {
  /** More than there are clients; commands of clients that have disconnected count, too. */
  static final int MAX = 64;

  private final EventLoop loop;
  private final Set<Task> running = ConcurrentHashMap.newKeySet();

  /**
   * @param loop the control socket's loop, on which the answers complete
   */
  CommandThreads(EventLoop loop) {
    this.loop = loop;
  }

  /** Work that has begun. */
  private static final class Task {
    private final CompletableFuture<Void> end = new CompletableFuture<>();
  }

  /** The part of a command that may wait. It uses nothing that belongs to the event loop. */
  interface Work {
    /** Returns the value of {@code return} in the reply, or null for an empty object. */
    JsonNode run() throws QmpException;
  }

  /** Work without a result. */
  interface Action {
    /** Does the work. */
    void run() throws QmpException;
  }

  /** Begins an action as {@link #begin(Work)} does. */
  CompletableFuture<JsonNode> begin(Action action) throws QmpException {
    return begin(
        (Work)
            () -> {
              action.run();
              return null;
            });
  }

  /**
   * Begins work.
   *
   * @return completes on the event loop
   * @throws QmpException if too many commands wait already
   */
  CompletableFuture<JsonNode> begin(Work work) throws QmpException {
    if (running.size() >= MAX) {
      throw QmpException.generic("%d commands wait for the machine already", MAX);
    }
    CompletableFuture<JsonNode> answer = new CompletableFuture<>();
    Task task = new Task();
    running.add(task);
    Runnable all =
        () -> {
          try {
            complete(answer, work);
          } finally {
            running.remove(task);
            task.end.complete(null);
          }
        };
    try {
      Thread.ofPlatform().daemon().name("qmp-command").start(all);
    } catch (OutOfMemoryError noThread) {
      // The other clients wait, but above all a machine can still be stopped and ended.
      all.run();
    }
    return answer;
  }

  private void complete(CompletableFuture<JsonNode> answer, Work work) {
    try {
      JsonNode result = work.run();
      later(() -> answer.complete(result));
    } catch (QmpException | RuntimeException | Error e) {
      later(() -> answer.completeExceptionally(e));
    }
  }

  private void later(Runnable completion) {
    // A server that is closed has no clients.
    loop.execute(completion, () -> {});
  }

  /** Runs a task on the event loop after the reply with this answer. */
  void afterReply(CompletableFuture<JsonNode> answer, Runnable task) {
    answer.whenComplete((_, _) -> loop.execute(task, task));
  }

  /**
   * Waits until the work that has begun has ended, and its answers are the loop's next tasks.
   *
   * @param limit the longest wait
   */
  void await(Duration limit) {
    CompletableFuture.allOf(
            running.stream().map(task -> task.end).toArray(CompletableFuture[]::new))
        .completeOnTimeout(null, limit.toMillis(), TimeUnit.MILLISECONDS)
        .join();
  }
}
