package org.microvm.profile;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.microvm.machine.config.GuestSample;

/**
 * Counts samples by symbol and by stack. Any thread may add samples.
 *
 * <p>Stacks follow frame pointers at privilege level 0. So they are complete for a kernel that is
 * built with CONFIG_FRAME_POINTER, and consist of the innermost frame elsewhere: a return address
 * outside all symbols ends a stack.
 */
public final class Profile {
  private static final int MAX_ROWS = 40;

  /**
   * The samples of a symbol.
   *
   * @param privilegeLevel at which the guest was there
   * @param symbol its name, or an address
   * @param samples how many
   */
  public record Row(int privilegeLevel, String symbol, long samples) {}

  private record Place(int privilegeLevel, String symbol) {}

  private final SymbolTable symbols;
  private final Map<Place, Long> flat = new HashMap<>();
  private final Map<String, Long> folded = new TreeMap<>();
  private long samples;
  private long kernelSamples;

  /**
   * @param symbols names for addresses
   */
  public Profile(SymbolTable symbols) {
    this.symbols = symbols;
  }

  /** Adds a sample. */
  public synchronized void add(GuestSample sample) {
    List<String> stack = new ArrayList<>();
    String leaf = name(sample.addresses()[0], sample.privilegeLevel());
    stack.add(leaf);
    for (int i = 1; i < sample.addresses().length; i++) {
      String caller = symbols.find(sample.addresses()[i]).orElse(null);
      if (caller == null) {
        break;
      }
      stack.add(caller);
    }
    stack.add("cpl" + sample.privilegeLevel());
    samples++;
    kernelSamples += sample.privilegeLevel() == 0 ? 1 : 0;
    flat.merge(new Place(sample.privilegeLevel(), leaf), 1L, Long::sum);
    folded.merge(String.join(";", stack.reversed()), 1L, Long::sum);
  }

  private String name(long address, int privilegeLevel) {
    return symbols
        .find(address)
        .orElse(privilegeLevel == 0 ? "0x" + Long.toHexString(address) : "[program]");
  }

  /** The number of samples. */
  public synchronized long samples() {
    return samples;
  }

  /** The number of samples at privilege level 0. */
  public synchronized long kernelSamples() {
    return kernelSamples;
  }

  /** All symbols, those with the most samples first. */
  public synchronized List<Row> rows() {
    return flat.entrySet().stream()
        .map(
            entry ->
                new Row(entry.getKey().privilegeLevel(), entry.getKey().symbol(), entry.getValue()))
        .sorted(
            Comparator.comparingLong(Row::samples)
                .reversed()
                .thenComparingInt(Row::privilegeLevel)
                .thenComparing(Row::symbol))
        .toList();
  }

  /** The symbols with the most samples, one per line. */
  public synchronized String flatTable() {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "%d samples, %.1f %% of them at privilege level 0%n",
            samples,
            100.0 * kernelSamples / Math.max(1, samples)));
    rows().stream()
        .limit(MAX_ROWS)
        .forEach(
            row ->
                text.append(
                    String.format(
                        Locale.ROOT,
                        "%6.2f %%  %7d  cpl%d %s%n",
                        100.0 * row.samples() / samples,
                        row.samples(),
                        row.privilegeLevel(),
                        row.symbol())));
    return text.toString();
  }

  /** All stacks in the format of flame graph tools: frames, outermost first, then the count. */
  public synchronized String foldedStacks() {
    StringBuilder text = new StringBuilder();
    folded.forEach((stack, count) -> text.append(stack).append(' ').append(count).append('\n'));
    return text.toString();
  }
}
