package org.microvm.spice;

/**
 * Numbers of the protocol (spice-protocol's {@code vd_agent.h}); all integers are little-endian.
 */
final class Wire {
  /** VDIChunkHeader: port and size, 32 bits each. */
  static final int CHUNK_HEADER = 8;

  /** VDAgentMessage: protocol, type (32 bits each), opaque (64 bits), size (32 bits). */
  static final int MESSAGE_HEADER = 20;

  /** The most bytes in a chunk that an agent accepts (VD_AGENT_MAX_DATA_SIZE). */
  static final int MAX_IN_CHUNK = 2048;

  static final int PROTOCOL = 1;

  /** VDP_CLIENT_PORT: messages between the agent and the program with the clipboard. */
  static final int CLIENT_PORT = 1;

  /** VDP_SERVER_PORT: messages between the agent and a SPICE server. */
  static final int SERVER_PORT = 2;

  // Types of messages.
  static final int CLIPBOARD = 4;
  static final int ANNOUNCE_CAPABILITIES = 6;
  static final int CLIPBOARD_GRAB = 7;
  static final int CLIPBOARD_REQUEST = 8;
  static final int CLIPBOARD_RELEASE = 9;
  static final int MAX_CLIPBOARD = 14;

  // Bits of the capabilities.
  static final int CAP_CLIPBOARD_BY_DEMAND = 1 << 5;
  static final int CAP_CLIPBOARD_SELECTION = 1 << 6;
  static final int CAP_MAX_CLIPBOARD = 1 << 10;
  static final int CAP_NO_RELEASE_ON_REGRAB = 1 << 16;

  /**
   * The capabilities of this end. Serial numbers of grabs are left out: an agent drops a grab with
   * an unexpected number, and does not report when it restarts its count.
   */
  static final int CAPABILITIES =
      CAP_CLIPBOARD_BY_DEMAND
          | CAP_CLIPBOARD_SELECTION
          | CAP_MAX_CLIPBOARD
          | CAP_NO_RELEASE_ON_REGRAB;

  /** The type of contents that stands for none (VD_AGENT_CLIPBOARD_NONE). */
  static final int NO_FORMAT = 0;

  private Wire() {}
}
