package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SparseFileTest {
  @Test
  void fileWithoutFallocate_isUnsupported() throws Exception {
    try (Fd file = Fd.open(Path.of("/dev/null"), Fd.READ_WRITE)) {
      assertEquals(-Errno.EOPNOTSUPP, SparseFile.punchHole(file, 0, 512));
      assertEquals(-Errno.EOPNOTSUPP, SparseFile.zeroRange(file, 0, 512));
    }
  }

  /** A block device with sectors of 4096 bytes answers EINVAL to a range of 512 bytes. */
  @ParameterizedTest
  @ValueSource(ints = {Errno.EINVAL, Errno.ENODEV, Errno.ENOSYS, Errno.ENOTTY, Errno.EOPNOTSUPP})
  void errorsOfFilesThatCannotDoIt_areOne(int errno) {
    assertEquals(-Errno.EOPNOTSUPP, SparseFile.supported(-errno));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, Errno.EIO, Errno.ENOSPC, Errno.EINTR, Errno.EBADF})
  void otherResults_stay(int errno) {
    assertEquals(-errno, SparseFile.supported(-errno));
  }
}
