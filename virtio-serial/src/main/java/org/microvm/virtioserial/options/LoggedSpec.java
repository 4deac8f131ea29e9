package org.microvm.virtioserial.options;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.LoggedBackend;
import org.microvm.virtioserial.backend.PortBackend;

/**
 * A chardev with a log of what its host program receives.
 *
 * @param spec the chardev, which has no log itself
 * @param log the log, which is created if it does not exist
 * @param append whether the content of the log is kept
 */
public record LoggedSpec(ChardevSpec spec, Path log, boolean append) implements ChardevSpec {
  /** Checks that nothing is null. */
  public LoggedSpec {
    Objects.requireNonNull(spec);
    Objects.requireNonNull(log);
  }

  @Override
  public ChardevSpec plain() {
    return spec;
  }

  @Override
  public ChardevSpec withPlain(UnaryOperator<ChardevSpec> change) {
    return new LoggedSpec(change.apply(spec), log, append);
  }

  @Override
  public String kind() {
    return spec.kind();
  }

  @Override
  public void addTo(Map<String, String> options) {
    spec.addTo(options);
    options.put("logfile", log.toString());
    if (append) {
      options.put("logappend", OptionList.flag(true));
    }
  }

  @Override
  public ChardevSpec absolute() {
    return new LoggedSpec(spec.absolute(), log.toAbsolutePath(), append);
  }

  @Override
  public PortBackend open(EventLoop loop) throws IOException {
    return LoggedBackend.open(spec.open(loop), log, append);
  }

  @Override
  public PortBackend openForTakeover(EventLoop loop) throws IOException {
    return LoggedBackend.open(spec.openForTakeover(loop), log, append);
  }
}
