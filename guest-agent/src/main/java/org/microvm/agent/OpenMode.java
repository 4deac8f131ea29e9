package org.microvm.agent;

/** What a file in the guest is opened for, as C's fopen has it. */
public enum OpenMode {
  /** Reading a file that exists. */
  READ("r"),
  /** Reading and writing a file that exists. */
  UPDATE("r+"),
  /** Writing a new file, or one that is emptied first. */
  WRITE("w"),
  /** Reading and writing a new file, or one that is emptied first. */
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
