package org.microvm.agent;

/** The mode in which a file in the guest is opened, as in fopen(3). */
public enum OpenMode {
  /** Reading a file that exists. */
  READ("r"),
  /** Reading and writing a file that exists. */
  UPDATE("r+"),
  /** Writing a new file, or an existing file after truncating it. */
  WRITE("w"),
  /** Reading and writing a new file, or an existing file after truncating it. */
  CREATE("w+"),
  /** Writing at the end. */
  APPEND("a"),
  /** Reading anywhere and writing at the end. */
  APPEND_READ("a+");

  private final String word;

  OpenMode(String word) {
    this.word = word;
  }

  String word() {
    return word;
  }
}
