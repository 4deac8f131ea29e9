package org.microvm.spice;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * The messages that wait to be written to one connection. Adding a message does not block, so their
 * number is bounded in other ways: a message about a selection replaces an earlier one, a message
 * that waits already is not added again, the peer's requests wait while too many of them are
 * unanswered, and the reader of requests blocks while too many wait. Thread-safe.
 */
final class Outbox {
  /**
   * The maximum number of waiting requests. While there is one more, nothing is read and the end of
   * the connection is not noticed; no well-behaved program has so many.
   */
  private static final int MAX_WAITING = 32;

  private final int mostOwed;

  /** Messages without contents, no two of which are equal. */
  private final Deque<Message> small = new ArrayDeque<>();

  /** The newest grab or release of each selection. */
  private final Map<Selection, Message> grabs = new EnumMap<>(Selection.class);

  private final Deque<Answer> answers = new ArrayDeque<>();

  /** The peer's waiting requests; empty unless the maximum number of requests is unanswered. */
  private final Deque<Request> requests = new ArrayDeque<>();

  /** The answers that are being prepared, wait or are being written. */
  private int owed;

  private boolean closed;

  /** A request of the peer for contents in a format, which need not exist. */
  record Request(Selection selection, int format) {}

  /** Contents, or none, in the format that the peer requested. */
  record Answer(Selection selection, int format, Message message) {}

  /**
   * @param mostOwed the most answers that may be owed
   */
  Outbox(int mostOwed) {
    this.mostOwed = mostOwed;
  }

  /** Adds an announcement or a request, unless an equal one waits already. */
  synchronized void add(Message message) {
    if (small.stream().noneMatch(message::isSame)) {
      small.add(message);
      notifyAll();
    }
  }

  /** Replaces the waiting message about a selection. */
  synchronized void grab(Selection selection, Message message) {
    grabs.put(selection, message);
    notifyAll();
  }

  /** Drops the waiting message about a selection. */
  synchronized void dropGrab(Selection selection) {
    grabs.remove(selection);
  }

  /**
   * Accepts a request of the peer; blocks while too many wait, unless closed.
   *
   * @return whether it is to be answered now; otherwise {@link #answered} returns it
   */
  synchronized boolean owe(Request request) throws InterruptedException {
    while (requests.size() >= MAX_WAITING && !closed) {
      wait();
    }
    if (owed >= mostOwed) {
      requests.add(request);
      return false;
    }
    owed++;
    return true;
  }

  /** Adds an answer that is owed. */
  synchronized void answer(Answer answer) {
    answers.add(answer);
    notifyAll();
  }

  /** Removes the answers about a selection, which are still owed, and returns their formats. */
  synchronized List<Integer> takeAnswers(Selection selection) {
    List<Integer> formats = new ArrayList<>();
    for (Answer answer : answers) {
      if (answer.selection() == selection) {
        formats.add(answer.format());
      }
    }
    answers.removeIf(answer -> answer.selection() == selection);
    return formats;
  }

  /** Records that an answer has been written; returns the request that is next, or null. */
  synchronized Request answered() {
    Request next = requests.poll();
    if (next == null) {
      owed--;
    }
    notifyAll();
    return next;
  }

  /** Waits for a message and removes it; returns null once closed. Answers come last. */
  synchronized Message take() throws InterruptedException {
    while (!closed) {
      if (!small.isEmpty()) {
        return small.remove();
      }
      if (!grabs.isEmpty()) {
        return grabs.remove(grabs.keySet().iterator().next());
      }
      if (!answers.isEmpty()) {
        return answers.remove().message();
      }
      wait();
    }
    return null;
  }

  /** Wakes all waiting threads and ends the output. */
  synchronized void close() {
    closed = true;
    notifyAll();
  }
}
