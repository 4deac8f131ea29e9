package org.microvm.sandbox;

/** Rights on files, of linux/landlock.h. */
enum FileAccess {
  /** Opens files for reading and lists directories: READ_FILE, READ_DIR. */
  READ(1L << 2 | 1L << 3),

  /** Also opens files for writing, truncates them, and uses devices: WRITE_FILE, TRUNCATE. */
  WRITE(READ.rights | 1L << 1 | 1L << 14 | 1L << 15),

  /**
   * Also creates, renames and removes files, directories and sockets: REMOVE_DIR, REMOVE_FILE,
   * MAKE_DIR, MAKE_REG, MAKE_SOCK, REFER.
   */
  CREATE(WRITE.rights | 1L << 4 | 1L << 5 | 1L << 7 | 1L << 8 | 1L << 9 | 1L << 13);

  /**
   * The rights that a file has which is no directory: all others are about a directory's entries.
   */
  static final long OF_FILES = 1 | 1L << 1 | 1L << 2 | 1L << 14 | 1L << 15;

  private final long rights;

  FileAccess(long rights) {
    this.rights = rights;
  }

  /** The bits of the rights. */
  long rights() {
    return rights;
  }

  /** All rights that a version of Landlock knows; what a rule does not grant is refused. */
  static long known(int version) {
    // Version 1 has 13 rights; 2 added REFER, 3 TRUNCATE, 5 IOCTL_DEV.
    int count = 13 + (version >= 2 ? 1 : 0) + (version >= 3 ? 1 : 0) + (version >= 5 ? 1 : 0);
    return (1L << count) - 1;
  }
}
