package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.devices.virtio.blk.DiskPolicy;
import org.microvm.devices.virtio.blk.OnError;
import org.microvm.machine.config.DiskConfig;

class DiskOptionsTest {
  @Test
  void file_hasTheDefaults() {
    assertEquals(new DiskConfig(Path.of("a,b.img"), false), DiskOptions.parse("a,,b.img"));
  }

  @Test
  void everyOption_isRead() {
    assertEquals(
        new DiskConfig(
            Path.of("disk.img"), true, true, new DiskPolicy(OnError.STOP, OnError.IGNORE, false)),
        DiskOptions.parse(
            "disk.img,readonly=on,format=raw,rerror=stop,werror=ignore,discard=ignore"));
  }

  @Test
  void snapshotOn_isAnOverlay() {
    assertEquals(
        new DiskConfig(Path.of("disk.img"), false).withOverlay(),
        DiskOptions.parse("disk.img,snapshot=on"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "format=qcow2|format=qcow2 is not supported",
        "format=|format= is not supported",
        "werror=explode|werror=explode is neither report nor ignore nor stop nor enospc",
        "rerror=enospc|rerror=enospc is neither report nor ignore nor stop",
        "discard=on|discard=on is neither unmap nor ignore",
        "cache=none|unknown option cache=; accepted are: discard, format, readonly, rerror, snapshot, werror"
      })
  void badValue_isRefusedByName(String option, String expected) {
    UsageException refused =
        assertThrows(UsageException.class, () -> DiskOptions.parse("disk.img," + option));

    assertTrue(refused.getMessage().contains(expected), refused.getMessage());
  }

  @Test
  void snapshot_keepsADiskAsRaw() {
    assertEquals("a,,format=raw.img,format=raw", DiskOptions.toSaved("a,,format=raw.img"));
    assertEquals("a,format=raw,readonly=on", DiskOptions.toSaved("a,format=raw,readonly=on"));
    assertEquals("a,readonly=on,format=raw", DiskOptions.toSaved("a,readonly=on"));
  }
}
