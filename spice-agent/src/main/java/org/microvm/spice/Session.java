package org.microvm.spice;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One connection to a peer: the peer's capabilities, and the thread that writes. The methods that
 * send do not block.
 */
final class Session {
  private static final Logger LOG = LoggerFactory.getLogger(Session.class);
  private static final byte[] NOTHING = {};

  private final ByteChannel channel;
  private final Outbox outbox;

  /** The capabilities that the peer has announced; 0 before that. */
  private volatile int capabilities;

  private volatile boolean announced;

  Session(ByteChannel channel, int mostOwed) {
    this.channel = channel;
    this.outbox = new Outbox(mostOwed);
  }

  /**
   * Announces the capabilities, and starts to write.
   *
   * @param waiting answers a request that has waited, see {@link #owe}; called by the thread that
   *     writes
   */
  void start(Consumer<Outbox.Request> waiting) {
    announce(true);
    Thread.ofPlatform().daemon().name("clipboard-writer").start(() -> write(waiting));
  }

  /** Closes the channel, which ends both directions. */
  void close() {
    outbox.close();
    try {
      channel.close();
    } catch (IOException e) {
      LOG.debug("clipboard: {}", e.getMessage());
    }
  }

  /** Whether the peer has announced its capabilities. */
  boolean isAnnounced() {
    return announced;
  }

  /** Stores the capabilities that the peer has announced. */
  void announced(int bits) {
    capabilities = bits;
    announced = true;
  }

  /** Whether messages name the selection, because both ends support that. */
  boolean namesSelections() {
    return (capabilities & Wire.CAP_CLIPBOARD_SELECTION) != 0;
  }

  private boolean can(Selection selection) {
    return (capabilities & Wire.CAP_CLIPBOARD_BY_DEMAND) != 0
        && (namesSelections() || selection == Selection.CLIPBOARD);
  }

  /** Announces the capabilities of this end, and requests the peer's or not. */
  void announce(boolean request) {
    outbox.add(Message.of(Wire.ANNOUNCE_CAPABILITIES, request ? 1 : 0, Wire.CAPABILITIES));
  }

  /** Announces the maximum size of contents that this end accepts. */
  void limit(int bytes) {
    if ((capabilities & Wire.CAP_MAX_CLIPBOARD) != 0) {
      outbox.add(Message.of(Wire.MAX_CLIPBOARD, bytes));
    }
  }

  /** Offers contents. */
  void grab(Selection selection, Iterable<Format> formats) {
    if (can(selection)) {
      List<Integer> words = new ArrayList<>();
      formats.forEach(format -> words.add(format.number()));
      int[] numbers = words.stream().mapToInt(Integer::intValue).toArray();
      outbox.grab(selection, message(Wire.CLIPBOARD_GRAB, selection, NOTHING, numbers));
    }
  }

  /** Withdraws an offer. */
  void release(Selection selection) {
    if (can(selection)) {
      outbox.grab(selection, message(Wire.CLIPBOARD_RELEASE, selection, NOTHING));
    }
  }

  /** Drops an offer that has not been sent, because the peer owns the selection. */
  void lost(Selection selection) {
    outbox.dropGrab(selection);
  }

  /**
   * Requests contents; returns whether the peer supports the selection.
   *
   * @param format null for none, which every peer answers
   */
  boolean request(Selection selection, Format format) {
    if (!can(selection)) {
      return false;
    }
    int number = format == null ? Wire.NO_FORMAT : format.number();
    outbox.add(message(Wire.CLIPBOARD_REQUEST, selection, NOTHING, number));
    return true;
  }

  /** Returns whether a request of the peer is to be answered now, see {@link Outbox#owe}. */
  boolean owe(Outbox.Request request) throws InterruptedException {
    return outbox.owe(request);
  }

  /** Answers a request; an answer without contents means that there are none. */
  void answer(Selection selection, int format, byte[] contents) {
    outbox.answer(
        new Outbox.Answer(selection, format, message(Wire.CLIPBOARD, selection, contents, format)));
  }

  /** Removes the answers that wait to be written, and returns their formats' numbers. */
  List<Integer> takeAnswers(Selection selection) {
    return outbox.takeAnswers(selection);
  }

  private Message message(int type, Selection selection, byte[] data, int... words) {
    if (!namesSelections()) {
      return Message.withData(type, data, words);
    }
    int[] all = new int[words.length + 1];
    all[0] = selection.number();
    System.arraycopy(words, 0, all, 1, words.length);
    return Message.withData(type, data, all);
  }

  private void write(Consumer<Outbox.Request> waiting) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(Message.BUFFER);
    try {
      for (Message next = outbox.take(); next != null; next = outbox.take()) {
        next.write(channel, buffer);
        if (next.isAnswer()) {
          Outbox.Request request = outbox.answered();
          if (request != null) {
            waiting.accept(request);
          }
        }
      }
    } catch (IOException e) {
      LOG.debug("clipboard: {}", e.getMessage());
      close();
    } catch (RuntimeException | Error e) {
      LOG.error("clipboard: the connection is closed", e);
      close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
