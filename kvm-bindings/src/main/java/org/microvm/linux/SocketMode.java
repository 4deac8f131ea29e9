package org.microvm.linux;

/**
 * The permissions of a unix socket's file. A process that may write to the file may connect. The
 * file has exactly these permissions, independent of the process's umask.
 *
 * @param bits the permission bits of chmod(2), 0600 to 0777
 */
public record SocketMode(int bits) {
  private static final int OWNER_BITS = 0600;
  private static final int MAX_BITS = 0777;

  /** Only the owner, and root, can connect: 0600. */
  public static final SocketMode OWNER = new SocketMode(OWNER_BITS);

  /**
   * Checks the bits.
   *
   * @throws IllegalArgumentException if others are set, or the owner lacks a permission
   */
  public SocketMode {
    if ((bits & ~MAX_BITS) != 0 || (bits & OWNER_BITS) != OWNER_BITS) {
      throw new IllegalArgumentException(
          "%o is not the mode of a socket: accepted are 0600 to 0777, readable and writable by the owner"
              .formatted(bits));
    }
  }

  /**
   * Reads a mode.
   *
   * @param text three octal digits, which a zero may precede, such as 0660
   * @return the mode
   * @throws IllegalArgumentException if it is not a mode of a socket; the message is for the user
   */
  public static SocketMode parse(String text) {
    if (!text.matches("0?[0-7]{3}")) {
      throw new IllegalArgumentException(
          "mode=%s is not an octal number from 0600 to 0777".formatted(text));
    }
    return new SocketMode(Integer.parseInt(text, 8));
  }

  /** {@return whether only the owner, and root, can connect} */
  public boolean isOwners() {
    return bits == OWNER_BITS;
  }

  /** {@return the four octal digits that {@link #parse} reads} */
  @Override
  public String toString() {
    return "0%o".formatted(bits);
  }
}
