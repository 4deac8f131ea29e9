package org.microvm.machine;

/** Makes the virtio devices other than the serial one and plugs them in. */
final class VirtioDevices {
  private final Board board;

  VirtioDevices(Board board) {
    this.board = board;
  }

  AutoCloseable disk(DiskConfig disk) {
    throw new UnsupportedOperationException("disk " + disk + board);
  }

  void entropy() {}
}
