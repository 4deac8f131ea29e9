package org.microvm.agent;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;

/**
 * Writes a request to the channel while it is generated, so that it is never in memory as a whole.
 */
final class RequestStream extends OutputStream {
  /** The deadline has passed; part of the request was sent. */
  static final class LateException extends IOException {
    private static final long serialVersionUID = 1L;
  }

  private final LineChannel channel;
  private final long deadline;

  RequestStream(LineChannel channel, long deadline) {
    this.channel = channel;
    this.deadline = deadline;
  }

  @Override
  public void write(int one) throws IOException {
    write(new byte[] {(byte) one}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    if (!channel.write(ByteBuffer.wrap(bytes, offset, length), deadline)) {
      throw new LateException();
    }
  }
}
