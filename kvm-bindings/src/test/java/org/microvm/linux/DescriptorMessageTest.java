package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.testing.CProgram;
import org.microvm.testing.RequiresGcc;

@Timeout(60)
class DescriptorMessageTest {
  private final MemorySegment bytes = Arena.ofAuto().allocate(8);

  @Test
  void descriptors_arriveWithTheBytesAndAreTheSameFiles() throws Exception {
    Fd[] pair = UnixSocket.pair();
    List<EventFd> events = List.of(EventFd.open(), EventFd.open(), EventFd.open());
    List<Fd> received = new ArrayList<>();
    try {
      bytes.set(ValueLayout.JAVA_LONG, 0, 77);
      long sent = DescriptorMessage.send(pair[0], bytes, events.stream().map(EventFd::fd).toList());
      bytes.fill((byte) 0);

      assertEquals(8, sent);
      assertEquals(8, DescriptorMessage.receive(pair[1], bytes, received));
      assertEquals(77, bytes.get(ValueLayout.JAVA_LONG, 0));
      assertEquals(3, received.size());
      for (int i = 0; i < 3; i++) {
        bytes.set(ValueLayout.JAVA_LONG, 0, i + 1);
        received.get(i).write(bytes);
        assertEquals(i + 1, events.get(i).drain());
      }
    } finally {
      received.forEach(Fd::close);
      events.forEach(EventFd::close);
      pair[0].close();
      pair[1].close();
    }
  }

  @Test
  void bytesAlone_arriveWithoutDescriptors() throws Exception {
    Fd[] pair = UnixSocket.pair();
    List<Fd> received = new ArrayList<>();
    try {
      assertEquals(8, DescriptorMessage.send(pair[0], bytes, List.of()));
      assertEquals(8, DescriptorMessage.receive(pair[1], bytes, received));
      assertTrue(received.isEmpty());
      UnixSocket.shutdown(pair[0]);
      assertEquals(0, DescriptorMessage.receive(pair[1], bytes, received));
    } finally {
      pair[0].close();
      pair[1].close();
    }
  }

  @Test
  void closedDescriptor_isRefused() throws Exception {
    Fd[] pair = UnixSocket.pair();
    EventFd closed = EventFd.open();
    closed.close();

    assertEquals(-Errno.EBADF, DescriptorMessage.send(pair[0], bytes, List.of(closed.fd())));
    pair[0].close();
    pair[1].close();
  }

  @Test
  @RequiresGcc
  void structs_areThoseOfTheHeaders() throws Exception {
    Map<String, Long> ours = new TreeMap<>();
    ours.put("SOL_SOCKET", (long) DescriptorMessage.SOL_SOCKET);
    ours.put("SCM_RIGHTS", (long) DescriptorMessage.SCM_RIGHTS);
    ours.put("MSG_CMSG_CLOEXEC", (long) DescriptorMessage.MSG_CMSG_CLOEXEC);
    ours.put("SHUT_RDWR", 2L);
    ours.put("SYS_sendmsg", 46L);
    ours.put("SYS_recvmsg", 47L);
    ours.put("SEEK_DATA", 3L);
    ours.put("SEEK_HOLE", 4L);
    ours.put("sizeof(struct msghdr)", DescriptorMessage.MSGHDR_BYTES);
    ours.put("offsetof(struct msghdr, msg_iov)", DescriptorMessage.MSGHDR_IOV);
    ours.put("offsetof(struct msghdr, msg_iovlen)", DescriptorMessage.MSGHDR_IOVLEN);
    ours.put("offsetof(struct msghdr, msg_control)", DescriptorMessage.MSGHDR_CONTROL);
    ours.put("offsetof(struct msghdr, msg_controllen)", DescriptorMessage.MSGHDR_CONTROLLEN);
    ours.put("sizeof(struct cmsghdr)", DescriptorMessage.CMSGHDR_BYTES);
    ours.put("offsetof(struct cmsghdr, cmsg_level)", DescriptorMessage.CMSGHDR_LEVEL);
    ours.put("offsetof(struct cmsghdr, cmsg_type)", DescriptorMessage.CMSGHDR_TYPE);

    List<String> headers = List.of("sys/socket.h", "sys/syscall.h", "linux/fs.h");
    assertEquals(CProgram.evaluate(headers, ours.keySet()).toString(), ours.toString());
  }
}
