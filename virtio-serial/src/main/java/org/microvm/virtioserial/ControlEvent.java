package org.microvm.virtioserial;

/** The events of the control queues (virtio 1.3, section 5.3.6.2). */
final class ControlEvent {
  /** Length of the header {@code le32 id, le16 event, le16 value}. */
  static final int HEADER_BYTES = 8;

  static final int DEVICE_READY = 0;
  static final int PORT_ADD = 1;
  static final int PORT_REMOVE = 2;
  static final int PORT_READY = 3;
  static final int CONSOLE_PORT = 4;
  static final int RESIZE = 5;
  static final int PORT_OPEN = 6;
  static final int PORT_NAME = 7;

  private ControlEvent() {}
}
