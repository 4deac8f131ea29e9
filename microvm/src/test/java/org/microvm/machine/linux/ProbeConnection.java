package org.microvm.machine.linux;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;

/** The connection to the guest's port-probe, which exchanges lines. Any thread may send. */
final class ProbeConnection {
  /** The answer for a process that ended before it answered. */
  private static final Answer GONE = new Answer("gone", List.of());

  private final ByteChannel channel;
  private final CompletableFuture<Void> ready = new CompletableFuture<>();
  private final Map<Integer, Queue<CompletableFuture<Answer>>> waiting = new HashMap<>();
  private final Map<Integer, CompletableFuture<Void>> gone = new HashMap<>();

  ProbeConnection(ByteChannel channel) {
    this.channel = channel;
    Thread.ofPlatform().daemon().name("probe answers").start(this::receive);
  }

  /** Completes when port-probe has sent its first line. */
  CompletableFuture<Void> ready() {
    return ready;
  }

  /** Completes when that process has ended. */
  synchronized CompletableFuture<Void> gone(int process) {
    return gone.computeIfAbsent(process, nr -> new CompletableFuture<>());
  }

  synchronized CompletableFuture<Answer> send(int process, String call, Object... arguments)
      throws IOException {
    CompletableFuture<Answer> answer = new CompletableFuture<>();
    waiting.computeIfAbsent(process, nr -> new ArrayDeque<>()).add(answer);
    String words =
        Arrays.stream(arguments).map(Answer::encode).collect(Collectors.joining(" ", " ", ""));
    String line = process + " " + call + (arguments.length == 0 ? "" : words) + "\n";
    ByteBuffer bytes = ByteBuffer.wrap(line.getBytes(StandardCharsets.ISO_8859_1));
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
    return answer;
  }

  private void receive() {
    BufferedReader lines =
        new BufferedReader(Channels.newReader(channel, StandardCharsets.ISO_8859_1));
    try {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        received(List.of(line.split(" ")));
      }
    } catch (IOException | UncheckedIOException e) {
      // The machine has been closed.
    }
  }

  private synchronized void received(List<String> words) {
    int process = Integer.parseInt(words.get(0));
    Queue<CompletableFuture<Answer>> answers =
        waiting.computeIfAbsent(process, nr -> new ArrayDeque<>());
    Answer answer = new Answer(words.get(1), words.subList(2, words.size()));
    if (answer.status().equals("gone")) {
      answers.forEach(unanswered -> unanswered.complete(GONE));
      waiting.remove(process);
      gone.computeIfAbsent(process, nr -> new CompletableFuture<>()).complete(null);
    } else if (answer.words().equals(List.of("ready"))) {
      ready.complete(null);
    } else if (!answers.isEmpty()) {
      answers.remove().complete(answer);
    }
  }
}
