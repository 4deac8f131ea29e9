package org.microvm.qmp;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Optional;

/** Anything that a client may send to the control socket. */
class QmpInputFuzzTest {
  private static final QmpInput.Sink PARSER =
      new QmpInput.Sink() {
        @Override
        public void value(byte[] json) {
          try {
            QmpRequest.of(QmpJson.parse(json), true, () -> null);
          } catch (QmpException e) {
            // The client gets this as its answer.
            return;
          }
        }

        @Override
        public void malformed(String description) {}

        @Override
        public void tooLong(Optional<byte[]> id) {
          id.ifPresent(this::value);
        }
      };

  @FuzzTest
  void bytes_ofAnyKind_areRefusedOrParsed(byte[] input) {
    new QmpInput(PARSER).accept(input, input.length);
  }
}
