package org.microvm.examples;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Keeps the text in a clipboard of the host the same as in one of the guest, where {@code
 * guest/clipboard} runs.
 *
 * <p>Both sides send a message when their text has changed. A message is a line {@code CLIP VERSION
 * SIZE} and the text, SIZE bytes of UTF-8, 16 MiB at most; the line {@code HELLO VERSION 0} asks
 * for the other side's text. The version counts changes: of two texts the one with the higher
 * version counts, and of two changes made at the same time the host's. A text that came from the
 * other side is no change, so nothing is sent back.
 */
public final class ClipboardBridge {
  private static final int MAX_TEXT = 16 << 20;
  private static final int MAX_LINE = 64;
  private static final Duration POLL = Duration.ofMillis(500);
  private static final String USAGE =
      "usage: clipboard-bridge CHANNEL-SOCKET FILE\n"
          + "       clipboard-bridge CHANNEL-SOCKET PASTE-COMMAND COPY-COMMAND";

  private final SocketChannel channel;
  private final Clipboard clipboard;

  /** The text that was sent or came last; guarded by this, as the version is. */
  private String known = "";

  private long version;

  ClipboardBridge(SocketChannel channel, Clipboard clipboard) {
    this.channel = channel;
    this.clipboard = clipboard;
  }

  /** Runs until the channel is closed. */
  public static void main(String[] words) throws Exception {
    Clipboard clipboard =
        switch (words.length) {
          case 2 -> new Clipboard.OfFile(Path.of(words[1]));
          case 3 ->
              new Clipboard.OfCommands(List.of(words[1].split(" ")), List.of(words[2].split(" ")));
          default -> null;
        };
    if (clipboard == null) {
      System.err.println(USAGE);
      System.exit(2);
    }
    try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(words[0]))) {
      new ClipboardBridge(channel, clipboard).run();
    }
  }

  /** Keeps them the same until the channel is closed, or this thread interrupted. */
  void run() throws IOException, InterruptedException {
    send("HELLO " + version + " 0", new byte[0]);
    CompletableFuture<Void> reader = new CompletableFuture<>();
    Thread.ofVirtual()
        .name("clipboard-reader")
        .start(
            () -> {
              try {
                receiveAll();
                reader.complete(null);
              } catch (IOException | RuntimeException e) {
                reader.completeExceptionally(e);
              }
            });
    while (!reader.isDone()) {
      lookForChange();
      Thread.sleep(POLL);
    }
    try {
      reader.join();
    } catch (CompletionException e) {
      throw new IOException("the channel: " + e.getCause().getMessage(), e);
    }
  }

  private synchronized void lookForChange() throws IOException {
    String text = clipboard.read();
    if (!text.equals(known)) {
      known = text;
      version++;
      sendText();
    }
  }

  private void sendText() throws IOException {
    byte[] text = known.getBytes(StandardCharsets.UTF_8);
    if (text.length > MAX_TEXT) {
      System.err.println("a text of over 16 MiB is not sent");
      return;
    }
    send("CLIP " + version + " " + text.length, text);
  }

  private synchronized void send(String line, byte[] text) throws IOException {
    byte[] header = (line + "\n").getBytes(StandardCharsets.US_ASCII);
    ByteBuffer message = ByteBuffer.allocate(header.length + text.length);
    message.put(header).put(text).flip();
    while (message.hasRemaining()) {
      channel.write(message);
    }
  }

  /**
   * Reads each message before it takes the lock: so the guest gets rid of its text even while this
   * side is sending, and the two do not wait for each other for ever.
   */
  private void receiveAll() throws IOException {
    DataInputStream input =
        new DataInputStream(new BufferedInputStream(Channels.newInputStream(channel)));
    for (String line = line(input); line != null; line = line(input)) {
      String[] parts = line.split(" ");
      if (!line.matches("(CLIP|HELLO) [0-9]{1,18} [0-9]{1,9}")) {
        throw new IOException("the guest sent what is no message");
      }
      int size = Integer.parseInt(parts[2]);
      if (size > MAX_TEXT) {
        throw new IOException("the guest announced a text of " + size + " bytes");
      }
      byte[] text = new byte[size];
      input.readFully(text);
      if (parts[0].equals("CLIP")) {
        received(Long.parseLong(parts[1]), new String(text, StandardCharsets.UTF_8));
      } else {
        asked();
      }
    }
  }

  private static String line(DataInputStream input) throws IOException {
    StringBuilder line = new StringBuilder();
    int next = input.read();
    while (next != '\n' && next >= 0 && line.length() < MAX_LINE) {
      line.append((char) next);
      next = input.read();
    }
    if (next < 0 && !line.isEmpty()) {
      throw new EOFException("it ended within a message");
    }
    return next < 0 ? null : line.toString();
  }

  private synchronized void received(long theirs, String text) throws IOException {
    if (theirs > version) {
      version = theirs;
      known = text;
      clipboard.write(text);
    }
  }

  private synchronized void asked() throws IOException {
    if (version > 0) {
      sendText();
    }
  }
}
