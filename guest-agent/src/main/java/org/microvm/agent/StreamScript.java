package org.microvm.agent;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The shell script that runs a program in the guest with its standard streams in pieces.
 *
 * <p>The agent keeps at most 16 MiB of a program's output, and takes all of its input in one
 * message. Therefore the script puts the output into a row of files ({@code o0, o1, ...} and {@code
 * e0, e1, ...}), of at most 2 MiB each, and starts the next one only after a line on the FIFO
 * {@code a} or {@code b}: one is sent in advance, and one for each file that has been read. So a
 * program that writes faster than the agent can read waits. Input comes in the files {@code i0} and
 * {@code i1} in turn, each after its number has been written to the FIFO {@code c}; an empty file
 * has been consumed. A line on {@code q} ends everything and removes the files: {@code done} once
 * the program has ended, and any other word to end it.
 *
 * <p>{@code dd} prints how many whole and partial blocks it has read, as in {@code 3+1 records in}.
 * Fewer than it may read are the end of the stream, which no further {@code dd} has to find out.
 *
 * <p>The program replaces the shell, so that its process id, its status and its children are its
 * own. The processes that serve the streams have init as their parent.
 */
final class StreamScript {
  /** Where the files may be, in the order in which the script tries. */
  static final List<String> PLACES = List.of("/tmp", "/run", "/dev/shm");

  /** The output of the script if there is no such program. */
  static final String NO_PROGRAM = "program";

  /** The output of the script if it cannot work in this guest. */
  static final String NO_STREAMS = "streams";

  /** With input or not; the first two arguments are the directory's name and this word. */
  private static final String INPUT = "input";

  private static final String NO_INPUT = "no";

  private static final String SCRIPT =
      """
      name=$1 input=$2
      shift 2
      command -v "$1" >/dev/null 2>&1 || { echo program >&2; exit 127; }
      command -v dd >/dev/null 2>&1 || { echo streams >&2; exit 126; }
      for d in /tmp /run /dev/shm none; do
        [ $d != none ] || { echo streams >&2; exit 126; }
        d=$d/$name
        mkdir -m 700 $d 2>/dev/null && break
      done
      mkfifo $d/i $d/o $d/e $d/a $d/b $d/c $d/q 2>/dev/null || {
        rm -rf $d
        echo streams >&2
        exit 126
      }
      pump() {
        n=0 s=0
        while :; do
          dd bs=8k count=256 of=$d/$1$n 2>$d/$1.n || { s=1; break; }
          while read -r r x; do
            case $r in
              *[!0-9+]* | +* | *+ | *+*+*) ;;
              *+*) [ $(($r)) -ge 256 ] || break 2 ;;
            esac
          done <$d/$1.n
          [ -s $d/$1$n ] || break
          n=$((n + 1))
          read -r x <&3 || break
          [ $n -lt 2 ] || : >$d/$1$((n - 2))
        done
        echo $s >$d/$1.end
      }
      feed() {
        while read -r n <&3 && [ "$n" != end ]; do
          cat $d/i$n || break
          : >$d/i$n
        done
      }
      ( {
        pump o <$d/o 3<>$d/a & p=$!
        pump e <$d/e 3<>$d/b & p="$p $!"
        [ $input = no ] || { feed >$d/i 3<>$d/c & p="$p $!"; }
        read -r x <&4
        [ "$x" = done ] || kill $$
        kill $p
        rm -rf $d
      } </dev/null >/dev/null 2>&1 4<>$d/q & )
      if [ $input = no ]; then
        exec "$@" </dev/null >$d/o 2>$d/e
      else
        exec "$@" <$d/i >$d/o 2>$d/e
      fi
      """;

  private StreamScript() {}

  /** Returns the command that runs another one. */
  static GuestCommand wrap(GuestCommand command, String name, boolean input) {
    List<String> argv = new ArrayList<>(List.of("/bin/sh", "-c"));
    String first = input ? INPUT : NO_INPUT;
    if (command.argv().stream().anyMatch(StreamScript::hasBytes)) {
      argv.addAll(List.of(words(command.argv(), name, first) + SCRIPT, "sh"));
    } else {
      argv.addAll(List.of(SCRIPT, "sh", name, first));
      argv.addAll(command.argv());
    }
    return new GuestCommand(argv, command.environment(), new byte[0], true);
  }

  /** Whether some of the word's characters stand for bytes; those cannot be in JSON. */
  static boolean hasBytes(String word) {
    return word.codePoints().anyMatch(StreamScript::isByte);
  }

  private static boolean isByte(int point) {
    return point >= 0xdc80 && point <= 0xdcff;
  }

  /** Sets the script's arguments; the dot keeps newlines at the end of a word. */
  private static String words(List<String> argv, String name, String input) {
    StringBuilder script = new StringBuilder("set -- " + name + " " + input + "\n");
    for (String word : argv) {
      script.append("w=$(printf '").append(octal(word)).append(".')\nset -- \"$@\" \"${w%.}\"\n");
    }
    return script.toString();
  }

  private static String octal(String word) {
    StringBuilder octal = new StringBuilder();
    word.codePoints()
        .forEach(
            point -> {
              byte[] bytes =
                  isByte(point)
                      ? new byte[] {(byte) point}
                      : Character.toString(point).getBytes(StandardCharsets.UTF_8);
              for (byte one : bytes) {
                octal.append("\\%03o".formatted(one & 0xff));
              }
            });
    return octal.toString();
  }
}
