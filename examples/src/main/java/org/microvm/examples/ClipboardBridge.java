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
 * Synchronizes the text of a clipboard on the host with one in the guest, where the script {@code
 * guest/clipboard} runs.
 *
 * <p>Each side sends a message when its text has changed: a line {@code CLIP VERSION SIZE} and the
 * text, SIZE bytes of UTF-8, at most 16 MiB. The line {@code HELLO VERSION 0} requests the other
 * side's text. The version counts changes: the text with the higher version wins, and the host's if
 * both sides changed at the same time. A text from the other side does not count as a change, so it
 * is not sent back.
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

  /**
   * The text that was sent or received last. This field and the version are guarded by {@code
   * this}.
   */
  private String known = "";

  private long version;

  ClipboardBridge(SocketChannel channel, Clipboard clipboard) {
    this.channel = channel;
    this.clipboard = clipboard;
  }

  /** Runs until the channel is closed. */
  public static void main(String[] args) throws Exception {
    Clipboard clipboard =
        switch (args.length) {
          case 2 -> new Clipboard.OfFile(Path.of(args[1]));
          case 3 ->
              new Clipboard.OfCommands(List.of(args[1].split(" ")), List.of(args[2].split(" ")));
          default -> null;
        };
    if (clipboard == null) {
      System.err.println(USAGE);
      System.exit(2);
    }
    try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(args[0]))) {
      new ClipboardBridge(channel, clipboard).run();
    }
  }

  /** Synchronizes until the channel is closed or this thread is interrupted. */
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
      throw new IOException("clipboard channel: " + e.getCause().getMessage(), e);
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
      System.err.println("the text is larger than 16 MiB and is not sent");
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
   * Handles the guest's messages. Each one is read before the lock is taken, so that the guest can
   * send while this side is sending too; otherwise the two could wait for each other forever.
   */
  private void receiveAll() throws IOException {
    DataInputStream input =
        new DataInputStream(new BufferedInputStream(Channels.newInputStream(channel)));
    for (String line = line(input); line != null; line = line(input)) {
      String[] parts = line.split(" ");
      if (!line.matches("(CLIP|HELLO) [0-9]{1,18} [0-9]{1,9}")) {
        throw new IOException("the guest sent an invalid message");
      }
      int size = Integer.parseInt(parts[2]);
      if (size > MAX_TEXT) {
        throw new IOException("the guest announced a text of " + size + " bytes, more than 16 MiB");
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
      throw new EOFException("the stream ended within a message");
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
